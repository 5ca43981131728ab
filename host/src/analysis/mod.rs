//! How are columns made? A metric plugin is shown the whole dataset, over threads, and its answers become a [`Column`].
//!
//! The samples are cut into blocks and these into chunks, whose bounds depend on the dataset alone. Each thread has an instance of the
//! plugin; blocks go out in order and results come back in order. Of each pass the partial results are merged in a tree whose shape follows
//! from the number of blocks. So the bytes of a column are the same for any number of threads.
//!
//! The same tree lets machines share the work that know nothing of each other: each analyzes a [`Part`], and [`merge`] joins what they found
//! to the bytes that one machine makes.
//!
//! Values are first written beside the column, into the folder `<column>.arrow.partial`, with a journal that says how far they are good: an
//! analysis that was killed goes on there when it is asked for again, and makes the same bytes.

mod outline;
mod mark;
mod shown;
mod chunks;
mod probes;
mod part;
mod place;
mod line;
mod tree;
mod values;
mod goal;
mod journal;
mod part_file;
mod parts;
mod rounds;
mod analyze;
mod merge;
pub mod engine;
#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, time::Duration};

pub use self::{analyze::analyze, merge::merge, outline::Outline, part::Part};
use crate::columns::{Column, Totals};

/// How to analyze. The default takes the whole dataset and all cores, makes nothing twice, tells nobody and is not interrupted.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Threads, with an instance of the plugin each; 0 for as many as there are cores. No result depends on it.
    pub threads: usize,
    /// Does one round over this part of the dataset instead of all; see [`merge`].
    pub part: Option<Part>,
    /// Makes the column again though it is up to date, and over a file that something else made.
    pub force: bool,
    /// Called on the calling thread several times a second.
    pub progress: Option<&'a dyn Fn(Progress)>,
    /// Asked on the calling thread several times a second whether to stop.
    pub interrupted: Option<&'a dyn Fn() -> bool>,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("threads", &self.threads)
            .field("part", &self.part)
            .field("force", &self.force)
            .finish_non_exhaustive()
    }
}

/// How far an analysis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rounds over the dataset that are done: the passes of the metric, and the last one, which measures unless samples have no values.
    pub rounds_done: u32,
    /// Rounds in all; at least 1.
    pub rounds: u32,
    /// Samples done in this round, those of an earlier run included.
    pub samples: u64,
    /// Samples of a round, or of the part.
    pub n_samples: u64,
    /// Tokens gone through in all rounds of this run.
    pub tokens: u64,
}

/// What an analysis came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// What is there now.
    pub outcome: Outcome,
    /// Whether it was made; if not, it was there and up to date.
    pub made: bool,
    /// Whether it went on where an earlier run was interrupted.
    pub continued: bool,
    /// Threads that worked.
    pub threads: usize,
    /// Tokens gone through in all rounds of this run.
    pub tokens: u64,
    /// Time that it took, sorting and writing included.
    pub elapsed: Duration,
}

impl Report {
    /// The column, if it came to one.
    pub fn column(&self) -> Option<&Column> {
        match &self.outcome {
            Outcome::Column(column) => Some(column),
            _ => None,
        }
    }
}

/// What an analysis or a merging left.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A column, with its totals beside it if the metric has some.
    Column(Column),
    /// The totals of a metric that gives samples no values.
    Totals(Totals),
    /// One round over a part.
    Part(PartReport),
    /// The result of a pass, with which the parts can do the next round.
    Pass {
        /// Which pass, from 1.
        pass: u32,
        /// Rounds in all.
        rounds: u32,
    },
}

/// What became of a part.
#[derive(Clone, Debug)]
pub struct PartReport {
    /// The file that is to be merged with those of the other parts.
    pub path: PathBuf,
    /// Which part.
    pub part: Part,
    /// Which round over it was done, from 1.
    pub round: u32,
    /// Rounds in all.
    pub rounds: u32,
    /// Samples of the part; 0 if the dataset has fewer blocks than parts.
    pub samples: u64,
}
