//! The folder `<column>.arrow.parts`, in which the parts of an analysis meet.
//!
//! | file | |
//! | --- | --- |
//! | `pass-P.part-I-of-N` | what part I found in pass P, counted from 1 |
//! | `pass-P.merged` | what all parts found in it together, which the next round needs |
//! | `values.part-I-of-N` | values of the samples of part I |
//! | `part-I-of-N.partial/` | part I in the making |

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    chunks::Blocks,
    goal::{Goal, digest},
    part::Part,
    part_file::{Content, Head, PartFile, VERSION, Writer, broken},
    place::{Place, cover},
    values::ValueFile,
};
use crate::{Error, Result};

/// The folder.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    goal: &'a Goal,
    path: PathBuf,
}

impl<'a> Parts<'a> {
    pub(super) fn of(goal: &'a Goal) -> Parts<'a> {
        let mut path = goal.target.as_os_str().to_owned();
        path.push(".parts");
        Parts { goal, path: PathBuf::from(path) }
    }

    /// Makes the folder, and says where a part is to be made in it.
    pub(super) fn make(&self, part: Part) -> Result<PathBuf> {
        fs::create_dir_all(&self.path).map_err(Error::io("create", &self.path))?;
        Ok(self.path.join(format!("part-{}-of-{}", part.number(), part.of())))
    }

    /// Results of the passes that were merged, in order.
    ///
    /// # Errors
    /// [`Error::Column`] if one is damaged or belongs to something else.
    pub(super) fn merged(&self) -> Result<Vec<Vec<u8>>> {
        let mut merged = Vec::new();
        while (merged.len() as u32) < self.goal.needs.passes {
            let path = self.merged_path(merged.len() as u32);
            if !path.exists() {
                break;
            }
            let mut file = PartFile::open(&path, &self.goal.name)?;
            self.belongs(&file, &merged)?;
            if file.head.content != Content::Merged {
                return Err(broken(&path, &self.goal.name, "it holds a part instead of what parts came to"));
            }
            merged.push(file.content(&self.goal.name)?);
        }
        Ok(merged)
    }

    /// Keeps the result of a pass, and removes the parts that came to it.
    pub(super) fn write_merged(&self, merged: &[Vec<u8>], result: &[u8]) -> Result<PathBuf> {
        let round = merged.len() as u32;
        let mut writer = Writer::create(self.merged_path(round))?;
        writer.push(result)?;
        let path = writer.finish(&self.head(merged, Content::Merged))?;
        for part in self.files(round)? {
            fs::remove_file(&part).map_err(Error::io("remove", part))?;
        }
        Ok(path)
    }

    /// Keeps what a part found in a pass.
    pub(super) fn write_nodes(&self, part: Part, merged: &[Vec<u8>], nodes: Vec<(Place, Vec<u8>)>) -> Result<PathBuf> {
        let mut writer = Writer::create(self.part_path(part, merged.len() as u32))?;
        nodes.iter().try_for_each(|(_, result)| writer.push(result))?;
        let nodes = nodes.iter().map(|(place, result)| (*place, result.len() as u64)).collect();
        writer.finish(&self.head(merged, Content::Nodes { part, nodes }))
    }

    /// Keeps the values of a part.
    pub(super) fn write_values(&self, part: Part, merged: &[Vec<u8>], values: ValueFile) -> Result<PathBuf> {
        let mut writer = Writer::create(self.part_path(part, merged.len() as u32))?;
        let value_type = values.value_type().map(|t| t.to_string());
        values.read(|bytes| writer.push(bytes))?;
        writer.finish(&self.head(merged, Content::Values { part, value_type }))
    }

    /// The parts of the round after the passes in `merged`, in order; none if there is no part at all. Parts of a dataset with fewer blocks than
    /// parts that have nothing may be missing.
    ///
    /// # Errors
    /// [`Error::Column`] if a part is missing, there twice, damaged, one of another number of parts, or belongs to something else.
    pub(super) fn complete(&self, merged: &[Vec<u8>], blocks: &Blocks) -> Result<Vec<PartFile>> {
        let mut found: BTreeMap<Part, PartFile> = BTreeMap::new();
        for path in self.files(merged.len() as u32)? {
            let file = PartFile::open(&path, &self.goal.name)?;
            self.belongs(&file, merged)?;
            let part = self.checked_part(&file, blocks)?;
            if let Some((other, first)) = found.iter().find(|(other, _)| **other == part || other.of() != part.of()) {
                let (first, second) = (first.path.display(), path.display());
                return Err(match *other == part {
                    true => self.error(format!("part {part} is there twice, as `{first}` and `{second}`"), "remove one of them"),
                    false => self.error(
                        format!("`{first}` is part {other} and `{second}` is part {part}, which do not fit together"),
                        "remove the parts of the one division or of the other",
                    ),
                });
            }
            found.insert(part, file);
        }
        let Some(of) = found.keys().next().map(|part| part.of()) else { return Ok(Vec::new()) };
        let needed = (1..=of).filter_map(|number| Part::new(number, of).ok()).filter(|part| !part.share(blocks.len()).is_empty());
        let missing: Vec<String> = needed.filter(|part| !found.contains_key(part)).map(|part| part.to_string()).collect();
        if let Some(first) = missing.first() {
            let problem = match missing.len() {
                1 => format!("part {first} is missing in `{}`", self.path.display()),
                n => format!("{n} parts are missing in `{}`: {}", self.path.display(), some(&missing)),
            };
            let remedy = format!("run `curricle analyze` with `--part {first}`{}", if missing.len() == 1 { "" } else { " and so on" });
            return Err(self.error(problem, &remedy));
        }
        Ok(found.into_values().collect())
    }

    /// Removes the folder.
    pub(super) fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &self.path)(error)),
            _ => Ok(()),
        }
    }

    /// There are no parts.
    pub(super) fn none(&self) -> Error {
        let problem = format!("there are no parts in `{}`", self.path.display());
        self.error(problem, "run `curricle analyze` with `--part 1/N` to `--part N/N`, here or elsewhere, and copy what they make")
    }

    /// The part that a file holds, of which everything but the bytes of its content was checked.
    fn checked_part(&self, file: &PartFile, blocks: &Blocks) -> Result<Part> {
        let broken = |what: &str| broken(&file.path, &self.goal.name, what);
        let part = file.head.content.part().ok_or_else(|| broken("it holds no part"))?;
        let share = part.share(blocks.len());
        match &file.head.content {
            Content::Nodes { nodes, .. } if file.head.round < self.goal.needs.passes => {
                match nodes.iter().map(|(place, _)| *place).eq(cover(share)) {
                    true => Ok(part),
                    false => Err(broken("its results are of other blocks")),
                }
            }
            Content::Values { value_type, .. } if file.head.round == self.goal.needs.passes && self.goal.needs.values => {
                match value_type.is_some() || share.is_empty() {
                    true => Ok(part),
                    false => Err(broken("it has no values")),
                }
            }
            _ => Err(broken("it is of another kind than its round")),
        }
    }

    /// Whether a file is of this making, and of the round after the passes in `merged`.
    fn belongs(&self, file: &PartFile, merged: &[Vec<u8>]) -> Result<()> {
        let head = &file.head;
        let Some((how, remedy)) = self.goal.stranger(&head.provenance, head.round, &head.before, merged) else { return Ok(()) };
        let redo = || format!("make it again, or remove `{}` and begin anew", self.path.display());
        Err(self.error(format!("`{}` was made {how}", file.path.display()), &remedy.map_or_else(redo, str::to_owned)))
    }

    fn head(&self, merged: &[Vec<u8>], content: Content) -> Head {
        let round = merged.len() as u32;
        Head { version: VERSION, provenance: self.goal.provenance.clone(), round, before: digest(merged), content }
    }

    /// The files of a round's parts, in the order of their names.
    fn files(&self, round: u32) -> Result<Vec<PathBuf>> {
        let prefix = format!("{}.part-", self.round_name(round));
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read the folder", &self.path)(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::io("read the folder", &self.path))?;
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    }

    fn part_path(&self, part: Part, round: u32) -> PathBuf {
        self.path.join(format!("{}.part-{}-of-{}", self.round_name(round), part.number(), part.of()))
    }

    fn merged_path(&self, round: u32) -> PathBuf {
        self.path.join(format!("{}.merged", self.round_name(round)))
    }

    fn round_name(&self, round: u32) -> String {
        match round < self.goal.needs.passes {
            true => format!("pass-{}", round + 1),
            false => "values".to_owned(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn error(&self, problem: String, remedy: &str) -> Error {
        Error::column(&self.goal.name, problem, remedy)
    }
}

/// The first few of many.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > 8 { format!("{shown} and others") } else { shown }
}
