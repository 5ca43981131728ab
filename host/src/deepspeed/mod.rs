//! What DeepSpeed's analyzer knows of each sample, as a column, and back.
//!
//! `DataAnalyzer` leaves a folder for each metric, `METRIC/`, with `.bin`/`.idx` pairs:
//!
//! | pair | items | elements |
//! | --- | --- | --- |
//! | `METRIC_sample_to_metric` | one a sample, in order | its value |
//! | `METRIC_index_to_metric` | one a distinct value, ascending | the value |
//! | `METRIC_index_to_sample` | one a distinct value, ascending | the samples that have it, ascending |
//! | `METRIC_index_to_sample_percentile_merged` | one for every max(1, ⌊V ÷ 100⌋) of the V distinct values | their samples |
//! | `METRIC_metric_value` | one | what a metric about the dataset as a whole came to |
//!
//! Sample ids and values are integers of the [narrowest type](crate::dataset::TokenType::holding) for 0 to N - 1 and for the smallest to the
//! largest value, under the type codes of [`Dialect::DeepSpeed`](crate::dataset::Dialect::DeepSpeed).
//!
//! [`export`] writes these files of a [`Column`](crate::columns::Column), byte for byte as DeepSpeed does but for the document index, in which
//! DeepSpeed repeats the end. [`import`] makes a column of them, whichever version of DeepSpeed wrote them.

mod elements;
mod export;
mod import;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::{Path, PathBuf},
};

pub use self::{
    export::{ExportOptions, Exported, export},
    import::{ImportOptions, import},
};
use crate::{Error, Result, dataset::with_suffix};

/// Samples between two looks at the caller.
const BLOCK: u64 = 1 << 16;

const SAMPLE_TO_METRIC: &str = "sample_to_metric";
const INDEX_TO_METRIC: &str = "index_to_metric";
const INDEX_TO_SAMPLE: &str = "index_to_sample";
const MERGED: &str = "index_to_sample_percentile_merged";
const METRIC_VALUE: &str = "metric_value";

/// Who watches long work. The default is nobody.
#[derive(Clone, Copy, Default)]
pub struct Watch<'a> {
    /// Called on the calling thread now and then, with the samples that are done and those of the whole work, which goes over the dataset
    /// several times.
    pub progress: Option<&'a dyn Fn(u64, u64)>,
    /// Asked on the calling thread as often whether to stop.
    pub interrupted: Option<&'a dyn Fn() -> bool>,
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// How far the work is.
struct Steps<'a> {
    watch: Watch<'a>,
    doing: &'static str,
    done: u64,
    total: u64,
}

impl Steps<'_> {
    /// One sample more.
    fn step(&mut self) -> Result<()> {
        self.done += 1;
        if !self.done.is_multiple_of(BLOCK) && self.done != self.total {
            return Ok(());
        }
        if self.watch.interrupted.is_some_and(|interrupted| interrupted()) {
            let remedy = "nothing was written; run the same command again".to_owned();
            return Err(Error::Interrupted { doing: self.doing.to_owned(), remedy });
        }
        if let Some(progress) = self.watch.progress {
            progress(self.done, self.total);
        }
        Ok(())
    }
}

/// The files of a metric.
#[derive(Clone, Copy)]
struct Files<'a> {
    folder: &'a Path,
    metric: &'a str,
}

impl Files<'_> {
    /// The prefix of a pair.
    fn prefix(&self, pair: &str) -> PathBuf {
        self.folder.join(format!("{}_{pair}", self.metric))
    }

    /// Whether either file of a pair is there.
    fn has(&self, pair: &str) -> bool {
        ["bin", "idx"].iter().any(|extension| with_suffix(&self.prefix(pair), extension).exists())
    }
}

/// Refuses a name that would lead out of the folder, or that others overlook.
fn check_name(name: &str) -> Result<()> {
    match name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) {
        true => {
            let problem = format_args!("`{}` cannot name a metric", name.escape_debug());
            Err(Error::config("name of the metric", problem, "give a name without slashes and a dot at the start"))
        }
        false => Ok(()),
    }
}
