//! What the samples that were given out are: how often each, of which categories, how long, and with how much padding.

use std::collections::BTreeMap;

use curricle::{
    Run,
    batch::{Plan, Rooms},
    columns::{Column, ColumnKind},
    dataset::Dataset,
};

use super::{
    bins::{Bins, Merge, add},
    lengths::Lengths,
    seen::Seen,
};

/// Samples that are looked up for their categories and lengths: more of them would take minutes.
pub(super) const LOOKED_UP: u64 = 100_000_000;
/// Categories of a column that are told apart: those that most samples are of.
const CATEGORIES: usize = 24;

/// What the samples of a run are.
pub(super) struct Given {
    dataset: Dataset,
    pub(super) bins: Bins<Bin>,
    pub(super) seen: Seen,
    pub(super) columns: Vec<Categories>,
    /// None if every place holds a token, or since the time of the trouble.
    rooms: Option<Rooms>,
    /// Why padding was not measured to the end.
    pub(super) trouble: Option<String>,
    /// Every so many steps are looked up, and of these every so many samples.
    pub(super) every: (u64, u64),
    step: u64,
    ids: Vec<u64>,
    lens: Vec<u32>,
    values: Vec<f64>,
}

/// A column of categories.
pub(super) struct Categories {
    pub(super) name: String,
    column: Column,
    /// Names and numbers of samples of those that are told apart, and what is left as one.
    pub(super) told: Vec<(String, u64)>,
    /// Where in `told` a code is.
    places: Vec<usize>,
}

/// Some steps.
#[derive(Debug, Default)]
pub(super) struct Bin {
    /// Samples that were given out for the first time up to and with these steps are not in it.
    pub(super) unseen: f64,
    /// By column, by category: samples that were looked up.
    pub(super) categories: Vec<Vec<u64>>,
    pub(super) lengths: Lengths,
    /// Tokens and the places that they lie in.
    pub(super) room: (u64, u64),
}

impl Merge for Bin {
    fn merge(&mut self, later: Bin) {
        self.unseen = later.unseen;
        self.categories.resize(self.categories.len().max(later.categories.len()), Vec::new());
        self.categories.iter_mut().zip(&later.categories).for_each(|(sums, more)| add(sums, more));
        self.lengths.merge(later.lengths);
        self.room.0 += later.room.0;
        self.room.1 += later.room.1;
    }
}

impl Categories {
    fn new(name: &str, column: &Column) -> Option<Categories> {
        let list = column.categories().filter(|_| column.kind() == ColumnKind::Category)?;
        let mut by_size: Vec<usize> = (0..list.len()).collect();
        by_size.sort_by_key(|&code| (std::cmp::Reverse(list.get(code).map(|(_, n)| *n)), code));
        let mut told: Vec<(String, u64)> = Vec::new();
        let mut places = vec![0; list.len()];
        for (place, code) in by_size.into_iter().enumerate() {
            let (name, n) = &list[code];
            places[code] = place.min(CATEGORIES);
            match place {
                0..CATEGORIES => told.push((name.clone(), *n)),
                CATEGORIES => told.push((format!("{} others", list.len() - CATEGORIES), *n)),
                _ => told[CATEGORIES].1 += n,
            }
        }
        Some(Categories { name: name.to_owned(), column: column.clone(), told, places })
    }
}

impl Given {
    /// Nothing yet, of a run of which at most `steps` steps will be planned, each of about `samples` samples.
    pub(super) fn new(run: &Run, steps: u64, samples: u64, counted: u64, looked_up: u64) -> curricle::Result<Given> {
        let columns: Vec<Categories> = run.columns().iter().filter_map(|(name, column)| Categories::new(name, column)).collect();
        let total = steps.saturating_mul(samples);
        // At least a step of each bin, and of these steps as much as there is time for.
        let every = total.div_ceil(looked_up.max(1)).clamp(1, (steps / super::bins::MOST as u64).max(1));
        let of_step = total.div_ceil(every).div_ceil(looked_up.max(1)).max(1);
        let rooms = if run.is_padded() { Some(run.rooms()?) } else { None };
        Ok(Given {
            dataset: run.dataset().clone(),
            bins: Bins::new(),
            seen: Seen::new(run.dataset().len(), counted),
            columns,
            rooms,
            trouble: None,
            every: (every, of_step),
            step: 0,
            ids: Vec::new(),
            lens: Vec::new(),
            values: Vec::new(),
        })
    }

    /// Adds the plan of the next step.
    pub(super) fn add(&mut self, plan: &Plan, step: u64) -> curricle::Result<()> {
        let bin = self.bins.next();
        self.seen.add(plan.ids());
        bin.unseen = self.seen.unseen();
        let looked_up = self.step.is_multiple_of(self.every.0);
        self.step += 1;
        if !looked_up {
            return Ok(());
        }
        let ids = match self.every.1 {
            1 => plan.ids(),
            every => {
                self.ids.clear();
                self.ids.extend(plan.ids().iter().step_by(every as usize));
                &self.ids
            }
        };
        bin.categories.resize(self.columns.len(), Vec::new());
        for (column, counts) in self.columns.iter().zip(&mut bin.categories) {
            counts.resize(column.told.len(), 0);
            self.values.clear();
            column.column.values(ids, &mut self.values)?;
            for code in &self.values {
                if let Some(count) = column.places.get(*code as usize).and_then(|place| counts.get_mut(*place)) {
                    *count += 1;
                }
            }
        }
        self.lens.clear();
        self.dataset.sample_lens(ids, &mut self.lens)?;
        let longest = plan.truncation().unwrap_or(u32::MAX);
        self.lens.iter().for_each(|n| bin.lengths.add((*n).min(longest)));
        if let Some(rooms) = &mut self.rooms {
            match rooms.of(plan) {
                Ok(room) => {
                    bin.room.0 += room.tokens;
                    bin.room.1 += room.places;
                }
                Err(error) => {
                    self.trouble = Some(format!("Measured up to step {step}, where the run would end: {error}"));
                    self.rooms = None;
                }
            }
        }
        Ok(())
    }

    /// Lengths of all that was looked up.
    pub(super) fn all_lengths(&self) -> Lengths {
        let mut all = Lengths::default();
        self.bins.iter().for_each(|bin| all.merge(bin.lengths.clone()));
        all
    }

    /// Samples by how often they were given out: those that never were, and the others in at most `most` groups of equally many numbers. The
    /// numbers of a group, and the first number and the samples of each.
    pub(super) fn times_seen(&self, most: u32) -> (u32, BTreeMap<u32, u64>) {
        let histogram = self.seen.histogram();
        let last = histogram.keys().next_back().copied().unwrap_or(0);
        let width = last.div_ceil(most.max(1)).max(1);
        let mut joined = BTreeMap::new();
        for (times, n) in histogram {
            let first = if times == 0 { 0 } else { (times - 1) / width * width + 1 };
            *joined.entry(first).or_insert(0) += n;
        }
        (width, joined)
    }

    /// From how much the categories and lengths come, for a person.
    pub(super) fn in_words(&self) -> String {
        match self.every {
            (1, 1) => "Exact: every sample of every step.".to_owned(),
            (steps, 1) => format!("From every sample of every {steps}th step."),
            (1, samples) => format!("From every {samples}th sample of every step."),
            (steps, samples) => format!("From every {samples}th sample of every {steps}th step."),
        }
    }
}
