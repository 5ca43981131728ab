//! The columns that a policy was granted, by the names of its run file.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    column::Column,
    condition::{Condition, Places},
    scan,
    selection::Selection,
};
use crate::{Error, Result};

/// Columns of one dataset, by name.
#[derive(Clone, Debug)]
pub struct Columns {
    n_samples: u64,
    columns: BTreeMap<String, Column>,
    /// Why a column that somebody may ask for is not among them.
    excluded: BTreeMap<String, String>,
    /// The last conditions that were intersected: whoever counts samples may well open a stream of them next.
    last: Arc<Mutex<Option<Intersection>>>,
}

/// What several conditions came to.
#[derive(Clone, Debug)]
struct Intersection {
    conditions: Vec<Condition>,
    selection: Selection,
}

impl Columns {
    /// No columns yet, over a dataset of `n_samples` samples.
    pub fn new(n_samples: u64) -> Columns {
        Columns { n_samples, columns: BTreeMap::new(), excluded: BTreeMap::new(), last: Arc::default() }
    }

    /// Adds a column under a name, in place of an older one of that name.
    ///
    /// # Errors
    /// [`Error::Column`] if it has not as many values as there are samples.
    pub fn insert(&mut self, name: impl Into<String>, column: Column) -> Result<()> {
        let name = name.into();
        if column.len() != self.n_samples {
            let problem = format!("has values of {} samples, the dataset has {}", column.len(), self.n_samples);
            return Err(Error::column(name, problem, "run `curricle analyze` again"));
        }
        self.columns.insert(name, column);
        // Not emptied: a clone without the new column may use it.
        self.last = Arc::default();
        Ok(())
    }

    /// Notes why a column is not among them, for whoever asks for it.
    pub fn exclude(&mut self, name: impl Into<String>, reason: impl Into<String>) {
        self.excluded.insert(name.into(), reason.into());
    }

    /// The column of that name.
    ///
    /// # Errors
    /// [`Error::Data`] that lists the names there are.
    pub fn get(&self, name: &str) -> Result<&Column> {
        self.columns.get(name).ok_or_else(|| {
            if let Some(reason) = self.excluded.get(name) {
                return Error::data(format!("column `{name}` cannot be used"), reason);
            }
            let names: Vec<_> = self.columns.keys().map(|n| format!("`{n}`")).collect();
            let remedy = match names.is_empty() {
                true => "no column is granted; name the columns in the run file".to_owned(),
                false => format!("there are {}; name other columns in the run file", names.join(", ")),
            };
            Error::data(format!("there is no column `{}`", name.escape_debug()), remedy)
        })
    }

    /// Names and columns, in the order of the names' bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.columns.iter().map(|(name, column)| (name.as_str(), column))
    }

    /// Number of samples of the dataset.
    pub fn n_samples(&self) -> u64 {
        self.n_samples
    }

    /// The samples that meet every condition; no condition selects all. One condition takes O(log n) time and no memory, and its samples are
    /// in the order of the column; several are intersected, which reads each column once, and their samples are in the order of the ids. The last
    /// intersection is kept: to ask for it again costs nothing.
    ///
    /// # Errors
    /// [`Error::Data`] if a column does not exist or is of the wrong kind, or a condition cannot be met by any data (NaN, an unknown code).
    /// An empty selection is none.
    pub fn select(&self, conditions: &[Condition]) -> Result<Selection> {
        if conditions.len() > 1 {
            return self.intersection(conditions);
        }
        Ok(match self.places(conditions)?.pop() {
            None => Selection::all(self.n_samples),
            Some(only) => Selection::places(only),
        })
    }

    fn intersection(&self, conditions: &[Condition]) -> Result<Selection> {
        // Whole or absent at any time, so a panic elsewhere leaves nothing broken in it. Not locked over the work, which runs on many threads.
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = last().as_ref().filter(|kept| kept.conditions == conditions) {
            return Ok(kept.selection.clone());
        }
        let selection = Selection::set(scan::intersect(self.n_samples, &self.places(conditions)?)?);
        *last() = Some(Intersection { conditions: conditions.to_vec(), selection: selection.clone() });
        Ok(selection)
    }

    /// Number of samples that meet every condition; costs what [`select`](Columns::select) costs.
    ///
    /// # Errors
    /// As [`select`](Columns::select).
    pub fn count(&self, conditions: &[Condition]) -> Result<u64> {
        self.select(conditions).map(|selection| selection.len())
    }

    fn places(&self, conditions: &[Condition]) -> Result<Vec<Places>> {
        conditions.iter().map(|condition| condition.places(self.get(condition.column())?)).collect()
    }
}
