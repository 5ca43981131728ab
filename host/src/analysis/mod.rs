//! How are columns made? A metric plugin is shown the whole dataset, over threads, and its answers become a [`Column`].
//!
//! The samples are cut into blocks and these into chunks, whose bounds depend on the dataset alone. Each thread has an instance of the
//! plugin; blocks go out in order and results come back in order. Of each pass the partial results are merged in a tree whose shape follows
//! from the results. So the bytes of a column are the same for any number of threads.
//!
//! Values are first written beside the column, into the folder `<column>.arrow.partial`, with a journal that says how far they are good: an
//! analysis that was killed goes on there when it is asked for again, and makes the same bytes.

mod chunks;
mod line;
mod tree;
mod values;
mod journal;
mod analyze;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

pub use self::analyze::analyze;
use crate::columns::Column;

/// How to analyze. The default uses all cores, makes nothing twice, tells nobody and is not interrupted.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Threads, with an instance of the plugin each; 0 for as many as there are cores. No result depends on it.
    pub threads: usize,
    /// Makes the column again though it is up to date, and over a file that something else made.
    pub force: bool,
    /// Called on the calling thread several times a second.
    pub progress: Option<&'a dyn Fn(Progress)>,
    /// Asked on the calling thread several times a second whether to stop.
    pub interrupted: Option<&'a dyn Fn() -> bool>,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("threads", &self.threads).field("force", &self.force).finish_non_exhaustive()
    }
}

/// How far an analysis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rounds over the dataset that are done: the passes of the metric, and the last one, which measures.
    pub rounds_done: u32,
    /// Rounds in all; at least 1.
    pub rounds: u32,
    /// Samples done in this round, those of an earlier run included.
    pub samples: u64,
    /// Samples of a round.
    pub n_samples: u64,
    /// Tokens gone through in all rounds of this run.
    pub tokens: u64,
}

/// What an analysis came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The column.
    pub column: Column,
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
