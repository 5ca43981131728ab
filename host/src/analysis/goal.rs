//! What is to be made, and whether it is there already.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::Xxh3;

use super::{Outcome, outline::Outline};
use crate::{
    Error, Result,
    columns::{Column, PluginRef, Provenance, Totals},
    hex,
    plugin::{Metric, MetricPlugin, Needs},
};

/// A column, or totals alone.
#[derive(Debug)]
pub(super) struct Goal {
    /// `<name>.arrow`, whether or not there will be such a file.
    pub(super) target: PathBuf,
    pub(super) name: String,
    pub(super) provenance: Provenance,
    pub(super) needs: Needs,
}

impl Goal {
    /// What a metric, of which one instance is given, makes of a dataset at `target`.
    pub(super) fn new(outline: &Outline, plugin: &MetricPlugin, metric: &Metric, target: &Path) -> Goal {
        let name = target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Goal { target: target.to_owned(), name, provenance: Goal::provenance(outline, plugin), needs: metric.needs() }
    }

    /// What a column of a metric will say of itself.
    pub(super) fn provenance(outline: &Outline, plugin: &MetricPlugin) -> Provenance {
        let description = plugin.description();
        let sha256 = hex(&plugin.sha256());
        Provenance {
            plugin: Some(PluginRef { name: description.name.clone(), version: description.version.clone(), sha256 }),
            config: serde_json::from_str(plugin.config()).unwrap_or_default(),
            ..Provenance::of(outline.fingerprint().to_string(), outline.len())
        }
    }

    /// Rounds over the dataset; at least 1.
    pub(super) fn rounds(&self) -> u32 {
        self.needs.passes + u32::from(self.needs.values)
    }

    /// Makes the folder of the target.
    pub(super) fn make_folder(&self) -> Result<()> {
        self.target.parent().map_or(Ok(()), |parent| fs::create_dir_all(parent).map_err(Error::io("create", parent)))
    }

    /// What is there, if it is what would be made, whatever version of this crate made it; none if it is to be made or replaced.
    pub(super) fn existing(&self) -> Result<Option<Outcome>> {
        let beside = Totals::beside(&self.target);
        let column = match self.target.exists() {
            true => Some(Column::open(&self.target).map_err(|error| self.in_the_way(&self.target, &error))?),
            false => None,
        };
        if let Some(column) = column {
            self.may_replace(&self.target, column.provenance())?;
            if self.needs.values {
                // A kill between the two files leaves totals of another making beside the column. That work is not done.
                let whole = self.fits(column.provenance()) && column.totals().is_ok();
                return Ok(whole.then_some(Outcome::Column(column)));
            }
        }
        if beside.exists() {
            let totals = Totals::open(&beside).map_err(|error| self.in_the_way(&beside, &error))?;
            self.may_replace(&beside, totals.provenance())?;
            if !self.needs.values {
                return Ok(self.fits(totals.provenance()).then_some(Outcome::Totals(totals)));
            }
        }
        Ok(None)
    }

    /// Whether what will be made is not there yet, even if it is to be made in any case.
    pub(super) fn is_missing(&self, force: bool) -> bool {
        !force || !matches!(self.existing(), Ok(Some(_)))
    }

    /// Writes totals alone; a column that an earlier version of the metric made goes.
    pub(super) fn write_totals(&self, totals: Vec<f64>) -> Result<Totals> {
        let totals = Totals::write(Totals::beside(&self.target), totals, self.provenance.clone())?;
        match fs::remove_file(&self.target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &self.target)(error)),
            _ => Ok(totals),
        }
    }

    /// How another making differs from this one; none if it is the same, but for the version of this crate.
    pub(super) fn difference(&self, found: &Provenance) -> Option<String> {
        let wanted = &self.provenance;
        if found.dataset != wanted.dataset || found.samples != wanted.samples {
            return Some("from another dataset, or another view of it".to_owned());
        }
        if found.plugin != wanted.plugin {
            let name = |provenance: &Provenance| provenance.plugin.as_ref().map(|plugin| plugin.name.clone()).unwrap_or_default();
            return Some(match name(found) == name(wanted) {
                true => format!("by another version of plugin `{}`", name(found)),
                false => format!("by plugin `{}`", name(found)),
            });
        }
        (found.config != wanted.config).then(|| format!("with the configuration {}", found.config))
    }

    /// How something that was found on the way differs from what is to be found after the passes in `merged`, and what to do if that is to be
    /// said; none if it belongs to it.
    pub(super) fn stranger(
        &self,
        provenance: &Provenance,
        round: u32,
        before: &str,
        merged: &[Vec<u8>],
    ) -> Option<(String, Option<&'static str>)> {
        if let Some(difference) = self.difference(provenance) {
            return Some((difference, None));
        }
        if provenance.made_by != self.provenance.made_by {
            let how = format!("by {}, and this is {}", provenance.made_by, self.provenance.made_by);
            return Some((how, Some("use one version on all machines")));
        }
        if round as usize != merged.len() {
            let wanted = merged.len() + 1;
            return Some((format!("in round {}, and is taken for one of round {wanted}", u64::from(round) + 1), None));
        }
        (before != digest(merged)).then(|| ("after passes that came to something else".to_owned(), None))
    }

    fn fits(&self, found: &Provenance) -> bool {
        self.difference(found).is_none()
    }

    fn may_replace(&self, path: &Path, found: &Provenance) -> Result<()> {
        match (&found.plugin, &self.provenance.plugin) {
            (Some(found), Some(wanted)) if found.name == wanted.name => Ok(()),
            (found, _) => {
                let by = found.as_ref().map_or("no plugin".to_owned(), |plugin| format!("plugin `{}`", plugin.name));
                let problem = format!("`{}` is there already and was made by {by}", path.display());
                Err(Error::column(&self.name, problem, "give the column another name, or force it to be replaced"))
            }
        }
    }

    fn in_the_way(&self, path: &Path, error: &Error) -> Error {
        let what = if path == self.target { "no column" } else { "no file of totals" };
        let problem = format!("`{}` is there already and is {what} that can be read ({error})", path.display());
        Error::column(&self.name, problem, "move it away, or force it to be replaced")
    }
}

/// Hash of the results of passes, whose bounds count.
pub(super) fn digest(merged: &[Vec<u8>]) -> String {
    let mut hash = Xxh3::new();
    for result in merged {
        hash.update(&(result.len() as u64).to_le_bytes());
        hash.update(result);
    }
    format!("{:032x}", hash.digest128())
}
