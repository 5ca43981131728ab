//! Which samples: the answer to a list of conditions.

use std::sync::Arc;

use rayon::prelude::*;

use super::{
    column::{Column, ColumnKind},
    condition::{Places, wrong_kind},
    mapped::with_numbers,
    set::Set,
    value::Number,
};
use crate::{Result, threads::shared};

/// Samples, each with a rank from 0. Cloning it costs nothing.
#[derive(Clone, Debug)]
pub struct Selection {
    form: Form,
    len: u64,
}

#[derive(Clone, Debug)]
enum Form {
    /// Every sample; rank and id are the same.
    All,
    /// A range of places in a column's order, from this place on.
    Range(Column, u64),
    /// Several ranges of a column's order.
    Ranges(Column, Arc<[Run]>),
    /// In the order of the ids.
    Set(Arc<Set>),
    /// In any order.
    Listed(Arc<[u64]>),
}

/// A range of places.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Rank of its first place.
    rank: u64,
    start: u64,
}

impl Selection {
    pub(super) fn all(n: u64) -> Selection {
        Selection { form: Form::All, len: n }
    }

    pub(super) fn places(places: Places) -> Selection {
        let len = places.count();
        let form = match places.ranges.as_slice() {
            [] => Form::Listed(Arc::new([])),
            [(start, _)] => Form::Range(places.column, *start),
            ranges => {
                let runs = ranges.iter().scan(0, |rank, &(start, end)| {
                    let run = Run { rank: *rank, start };
                    *rank += end - start;
                    Some(run)
                });
                Form::Ranges(places.column, runs.collect())
            }
        };
        Selection { form, len }
    }

    pub(super) fn set(set: Set) -> Selection {
        Selection { len: set.len(), form: Form::Set(Arc::new(set)) }
    }

    /// Number of samples.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether no sample was selected.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The sample of a rank; none if `rank` is not below [`len`](Selection::len).
    pub fn get(&self, rank: u64) -> Option<u64> {
        (rank < self.len).then(|| {
            let mut one = [rank];
            self.gather(&mut one);
            one[0]
        })
    }

    /// Turns ranks into samples, in place.
    ///
    /// # Panics
    /// If a rank is not below [`len`](Selection::len).
    pub fn gather(&self, ranks: &mut [u64]) {
        match &self.form {
            Form::All => assert!(ranks.iter().all(|rank| *rank < self.len), "ranks are below the length of a selection"),
            Form::Range(column, start) => column.ids().gather(*start, ranks),
            Form::Ranges(column, runs) => {
                for rank in ranks.iter_mut() {
                    let run = &runs[runs.partition_point(|run| run.rank <= *rank) - 1];
                    *rank = *rank - run.rank + run.start;
                }
                column.ids().gather(0, ranks);
            }
            Form::Set(set) => set.gather(ranks),
            Form::Listed(ids) => ranks.iter_mut().for_each(|rank| *rank = ids[*rank as usize]),
        }
    }

    /// Memory that it takes beyond the mapped columns, in bytes.
    pub fn memory(&self) -> u64 {
        match &self.form {
            Form::All | Form::Range(..) => 0,
            Form::Ranges(_, runs) => size_of_val(&**runs) as u64,
            Form::Set(set) => set.bytes() as u64,
            Form::Listed(ids) => size_of_val(&**ids) as u64,
        }
    }

    /// The same samples in the order of their ids. A range of a column becomes a compressed set, unless its values are all the same.
    ///
    /// # Errors
    /// [`Error::Column`](crate::Error::Column) if the column is damaged.
    pub fn by_id(&self) -> Result<Selection> {
        match &self.form {
            Form::All | Form::Set(_) => Ok(self.clone()),
            Form::Range(column, start) if ties(column, *start, start + self.len - 1)? => Ok(self.clone()),
            _ => {
                let mut ids = self.ids();
                shared(|| ids.par_sort_unstable());
                ids.dedup();
                Ok(Selection::set(Set::from_sorted(&ids)))
            }
        }
    }

    /// The same samples in ascending order of a column of numbers, ties by id. Takes no memory if all are selected or the samples are one
    /// range of that same column, and 8 bytes a sample otherwise.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) if `column` is one of categories, [`Error::Column`](crate::Error::Column) if it is damaged.
    pub fn by_value(&self, name: &str, column: &Column) -> Result<Selection> {
        if column.kind() != ColumnKind::Number {
            return Err(wrong_kind(name, column.kind()));
        }
        match &self.form {
            Form::All => Ok(Selection { form: Form::Range(column.clone(), 0), len: self.len }),
            Form::Range(of, _) if of.is(column) => Ok(self.clone()),
            _ => {
                let sorted: Arc<[u64]> = with_numbers!(column.numbers(), values => sort(values, self.ids())).into();
                Ok(Selection { len: sorted.len() as u64, form: Form::Listed(sorted) })
            }
        }
    }

    /// Memory that [`by_id`](Selection::by_id) takes at least, in bytes; while it is at work it takes more.
    pub(crate) fn least_by_id(&self) -> Result<u64> {
        Ok(match &self.form {
            Form::All | Form::Set(_) => self.memory(),
            Form::Range(column, start) if ties(column, *start, start + self.len - 1)? => 0,
            // A bit a member, which is what a set takes of consecutive ids.
            _ => self.len / 8,
        })
    }

    /// Memory that [`by_value`](Selection::by_value) takes at least, in bytes; while it is at work it takes more.
    pub(crate) fn least_by_value(&self, column: &Column) -> u64 {
        match &self.form {
            Form::All => 0,
            Form::Range(of, _) if of.is(column) => 0,
            // It is refused.
            _ if column.kind() != ColumnKind::Number => 0,
            _ => self.len.saturating_mul(8),
        }
    }

    /// All samples, by rank.
    fn ids(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = (0..self.len).collect();
        shared(|| ids.par_chunks_mut(1 << 16).for_each(|part| self.gather(part)));
        ids
    }
}

/// Whether two places have the very same value. As numbers of 64 bits they may differ where they are the same as an `f64`.
fn ties(column: &Column, a: u64, b: u64) -> Result<bool> {
    let (a, b) = (column.sample_at(a)? as usize, column.sample_at(b)? as usize);
    Ok(with_numbers!(column.numbers(), values => values.get(a) == values.get(b)))
}

/// The ids that have a value, in ascending order of it. They are given away, so that their room is free before the sorting begins.
fn sort<T: Number>(values: &[T], ids: Vec<u64>) -> Vec<u64> {
    let mut entries: Vec<(u64, u64)> = ids.into_iter().filter_map(|id| Some((values.get(id as usize)?.key(), id))).collect();
    shared(|| entries.par_sort_unstable());
    entries.into_iter().map(|(_, id)| id).collect()
}
