//! The folder in which a column, or a part of its making, is made, and the journal in it, from which a killed analysis goes on.
//!
//! | file | |
//! | --- | --- |
//! | `lock` | locked while a process works here |
//! | `journal.json` | what is made and how far; it vouches for the other files |
//! | `values` | the values so far, little-endian, nothing else |
//! | `merged-P` | the result of pass P |
//! | `resting-N` | nodes of the tree of the pass under way, end to end |
//! | `finishing` | what comes next is the result, and with it nothing here is of use; `parts` in it: nor are the parts |

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    part::Part,
    parts::Parts,
    place::{Place, cover, cut},
};
use crate::{
    Error, Result, atomic,
    claim::{Lock, try_lock},
    columns::{Provenance, ValueType},
};

/// Version of the journal; others start over.
const VERSION: u32 = 2;

const LOCK: &str = "lock";
const FINISHING: &str = "finishing";
/// What `finishing` holds if the result is one of parts.
const OF_PARTS: &[u8] = b"parts";

/// The folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
    /// Results of passes that are on disk.
    merged_kept: usize,
    /// Number of the last `resting` file.
    serial: u64,
    /// Whether a journal was written or found.
    has_journal: bool,
}

/// How far an analysis is.
#[derive(Debug, Default)]
pub(super) struct Saved {
    /// Results of the passes that are done.
    pub(super) merged: Vec<Vec<u8>>,
    /// Number of the next block of the round after those; none if nothing was saved.
    pub(super) blocks: Option<u64>,
    /// Nodes of the tree, from left to right; none when measuring.
    pub(super) nodes: Vec<(Place, Vec<u8>)>,
    /// Type of the values; none until some are measured.
    pub(super) value_type: Option<ValueType>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Journal {
    version: u32,
    /// What the column will say of itself: whether all this belongs to what is asked for.
    provenance: Provenance,
    /// Which part of it; all of it if there is none.
    part: Option<Part>,
    /// Sizes of the results of the passes that are done.
    merged: Vec<u64>,
    blocks: u64,
    value_type: Option<String>,
    serial: u64,
    /// Places and sizes of the nodes in the file `resting-<serial>`.
    resting: Vec<(Place, u64)>,
}

/// What a journal must have been of, to be gone on from.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) provenance: &'a Provenance,
    pub(super) part: Option<Part>,
    /// Blocks of the part, or all.
    pub(super) blocks: Range<u64>,
    /// Results of the passes before this one that a part has to build on; of a whole analysis they are in the journal.
    pub(super) merged: Option<&'a [Vec<u8>]>,
}

impl Folder {
    /// Opens or makes the folder for what is to be at `target`, and locks it; `name` is that of the column.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be made; [`Error::Column`] if another process works in it.
    pub(super) fn open(target: &Path, name: &str) -> Result<Folder> {
        let path = place_of(target);
        fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
        let lock = path.join(LOCK);
        let lock_file = OpenOptions::new().write(true).create(true).truncate(false).open(&lock).map_err(Error::io("open", &lock))?;
        // Some file systems of clusters cannot lock. Two processes at once are then up to the user.
        if try_lock(&lock_file) == Lock::Theirs {
            return Err(Error::column(name, "another process is making it", "wait until it is done, or give this one another place"));
        }
        // Of a result that was never written, or is to be made once more.
        remove(&path.join(FINISHING))?;
        Ok(Folder { path, _lock: lock_file, merged_kept: 0, serial: 0, has_journal: false })
    }

    /// Removes what a kill between the last rename and the end left: the folder for `target`, and then perhaps also `parts`. Who asks has seen
    /// that the result is there. A folder that another process works in, or with work in it that was not about to be done, stays, and so does
    /// what cannot be removed.
    pub(super) fn clear(target: &Path, parts: &Parts<'_>) {
        let path = place_of(target);
        let is_left =
            || names(&path).is_ok_and(|names| names.iter().all(|name| name == LOCK) || names.iter().any(|name| name == FINISHING));
        if !is_left() {
            return;
        }
        let Ok(lock) = OpenOptions::new().write(true).create(true).truncate(false).open(path.join(LOCK)) else { return };
        if try_lock(&lock) == Lock::Theirs || !is_left() {
            return;
        }
        let of_parts = fs::read(path.join(FINISHING)).is_ok_and(|text| text == OF_PARTS);
        let folder = Folder { path, _lock: lock, merged_kept: 0, serial: 0, has_journal: false };
        let cleared = if of_parts { parts.remove() } else { Ok(()) };
        if let Err(error) = cleared.and_then(|()| folder.remove()) {
            tracing::debug!("what a killed analysis left stays: {error}");
        }
    }

    /// Notes that what comes next is the result, made of parts or not.
    pub(super) fn finishing(&self, of_parts: bool) -> Result<()> {
        atomic::write(self.path.join(FINISHING), if of_parts { OF_PARTS } else { b"" })
    }

    /// Where the values go.
    pub(super) fn values(&self) -> PathBuf {
        self.path.join("values")
    }

    /// What an earlier run left, if it was to make the same; `samples_to` tells the number of values that must be there at a block.
    pub(super) fn load(&mut self, wanted: Wanted<'_>, samples_to: impl Fn(u64) -> u64) -> Option<Saved> {
        let journal = match fs::read(self.path.join("journal.json")) {
            Ok(journal) => journal,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return self.start_over(format!("its journal cannot be read: {error}")),
        };
        self.has_journal = true;
        let journal: Journal = match serde_json::from_slice(&journal) {
            Ok(journal) => journal,
            Err(error) => return self.start_over(format!("its journal is no journal of this version: {error}")),
        };
        if journal.version != VERSION || journal.provenance != *wanted.provenance || journal.part != wanted.part {
            return self.start_over("it was made with another plugin, configuration, dataset or version".to_owned());
        }
        if !(wanted.blocks.start..=wanted.blocks.end).contains(&journal.blocks) {
            return self.start_over("its number of blocks is nonsense".to_owned());
        }
        match self.read(&journal, wanted.blocks.start, samples_to) {
            Ok(saved) if wanted.merged.is_some_and(|merged| saved.merged != merged) => {
                self.start_over("the passes before it came to something else".to_owned())
            }
            Ok(saved) => Some(saved),
            Err(problem) => self.start_over(problem),
        }
    }

    fn start_over(&self, problem: String) -> Option<Saved> {
        tracing::warn!("starting over, since what is in `{}` cannot be gone on with: {problem}", self.path.display());
        None
    }

    fn read(&mut self, journal: &Journal, first: u64, samples_to: impl Fn(u64) -> u64) -> Result<Saved, String> {
        let mut saved = Saved { blocks: Some(journal.blocks), ..Saved::default() };
        for (pass, size) in journal.merged.iter().enumerate() {
            saved.merged.push(self.read_file(&merged_name(pass), *size)?);
        }
        if !journal.resting.is_empty() {
            let total =
                journal.resting.iter().try_fold(0u64, |total, (_, size)| total.checked_add(*size)).ok_or("its sizes are nonsense")?;
            let bytes = self.read_file(&resting_name(journal.serial), total)?;
            saved.nodes = cut(&bytes, &journal.resting).ok_or("its sizes are nonsense")?;
            if !saved.nodes.iter().map(|(place, _)| *place).eq(cover(first..journal.blocks)) {
                return Err("its nodes are not those of its blocks".to_owned());
            }
        }
        if let Some(name) = &journal.value_type {
            let value_type = ValueType::named(name).ok_or("it has values of an unknown type")?;
            let needed = samples_to(journal.blocks).saturating_mul(value_type.width() as u64);
            let found = fs::metadata(self.values()).map_or(0, |m| m.len());
            if found < needed {
                return Err(format!("`values` has {found} bytes instead of {needed}"));
            }
            saved.value_type = Some(value_type);
        }
        (self.merged_kept, self.serial) = (journal.merged.len(), journal.serial);
        Ok(saved)
    }

    fn read_file(&self, name: &str, size: u64) -> Result<Vec<u8>, String> {
        let bytes = fs::read(self.path.join(name)).map_err(|e| format!("`{name}` cannot be read: {e}"))?;
        match bytes.len() as u64 == size {
            true => Ok(bytes),
            false => Err(format!("`{name}` has {} bytes instead of {size}", bytes.len())),
        }
    }

    /// Notes how far the analysis is; `values` must have been made durable.
    pub(super) fn save(&mut self, provenance: &Provenance, part: Option<Part>, merged: &[Vec<u8>], round: &Round) -> Result<()> {
        for (pass, result) in merged.iter().enumerate().skip(self.merged_kept) {
            atomic::write(self.path.join(merged_name(pass)), result)?;
        }
        self.merged_kept = merged.len();
        let before = self.serial;
        self.serial += 1;
        if !round.nodes.is_empty() {
            let bytes: Vec<u8> = round.nodes.iter().flat_map(|(_, result)| result).copied().collect();
            atomic::write(self.path.join(resting_name(self.serial)), &bytes)?;
        }
        let journal = Journal {
            version: VERSION,
            provenance: provenance.clone(),
            part,
            merged: merged.iter().map(|result| result.len() as u64).collect(),
            blocks: round.blocks,
            value_type: round.value_type.map(|t| t.to_string()),
            serial: self.serial,
            resting: round.nodes.iter().map(|(place, result)| (*place, result.len() as u64)).collect(),
        };
        let path = self.path.join("journal.json");
        let json = serde_json::to_vec_pretty(&journal).map_err(|e| Error::io("write", &path)(e.into()))?;
        atomic::write(&path, &json)?;
        self.has_journal = true;
        // Of no use any more, and in nobody's way if it stays.
        let _ = fs::remove_file(self.path.join(resting_name(before)));
        Ok(())
    }

    /// Whether there is something to go on from.
    pub(super) fn has_journal(&self) -> bool {
        self.has_journal
    }

    /// Whether the work of another run is in it, to be gone on with.
    pub(super) fn has_work(&self) -> bool {
        self.path.join("journal.json").exists()
    }

    /// Removes the folder, what says that it is of no use last: a kill leaves no more than [`clear`](Folder::clear) knows.
    pub(super) fn remove(self) -> Result<()> {
        let found = names(&self.path).map_err(Error::io("read the folder", &self.path))?;
        let (last, first): (Vec<_>, Vec<_>) = found.into_iter().partition(|name| name == LOCK || name == FINISHING);
        first.iter().try_for_each(|name| remove(&self.path.join(name)))?;
        if !last.is_empty() {
            remove(&self.path.join(FINISHING))?;
            remove(&self.path.join(LOCK))?;
        }
        match fs::remove_dir(&self.path) {
            // Somebody else has begun here meanwhile.
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => Ok(()),
            removed => removed.map_err(Error::io("remove", &self.path)),
        }
    }
}

/// Where what is to be at `target` is made.
fn place_of(target: &Path) -> PathBuf {
    let mut path = target.as_os_str().to_owned();
    path.push(".partial");
    path.into()
}

fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// Removes a file that may be missing.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// How far the round under way is.
#[derive(Debug)]
pub(super) struct Round {
    /// Blocks done.
    pub(super) blocks: u64,
    /// Nodes of the tree, from left to right; none when measuring.
    pub(super) nodes: Vec<(Place, Vec<u8>)>,
    /// Type of the values.
    pub(super) value_type: Option<ValueType>,
}

fn merged_name(pass: usize) -> String {
    format!("merged-{pass}")
}

fn resting_name(serial: u64) -> String {
    format!("resting-{serial}")
}
