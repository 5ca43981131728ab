//! When is a run over, and how many samples has its last global batch?

use super::{config::RunConfig, state::Progress};
use crate::{Error, Result};

/// What ends a run, besides its policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// Global batches of the whole run at most.
    steps: Option<u64>,
    /// Samples of the whole run at most: epochs × samples of the dataset.
    samples: Option<u64>,
    /// Whether what does not fill a global batch is left out.
    drop_last: bool,
}

impl Ends {
    pub(crate) fn new(config: &RunConfig, n_samples: u64) -> Result<Ends> {
        if config.epochs == Some(0) {
            return Err(Error::config(config.place("epochs"), "0 epochs", "give at least 1, or leave it out for a run without that end"));
        }
        if config.epochs.is_none() && config.drop_last && config.batch.tokens.is_none() {
            return Err(Error::config(
                config.place("drop-last"),
                "`drop-last` has no meaning without `epochs`, since every global batch is whole then",
                "give `epochs`, or leave it out",
            ));
        }
        let samples = config.epochs.map(|epochs| epochs.saturating_mul(n_samples));
        Ok(Ends { steps: config.steps, samples, drop_last: config.drop_last })
    }

    /// Samples of the global batch that comes after `progress`, of at most `global`; none if the run is over.
    pub(crate) fn next_size(&self, progress: &Progress, global: u32) -> Option<u32> {
        if self.steps.is_some_and(|steps| progress.step >= steps) {
            return None;
        }
        let Some(samples) = self.samples else { return Some(global) };
        match u32::try_from(samples.saturating_sub(progress.consumed_samples)) {
            Ok(0) => None,
            Ok(left) if left < global => (!self.drop_last).then_some(left),
            _ => Some(global),
        }
    }

    /// Under a budget of tokens: samples that are drawn for the step after `step`, at most `room`, after `drawn` in the steps before; and
    /// whether nothing is left to draw then. None if the run is over.
    pub(crate) fn next_draw(&self, step: u64, drawn: u64, room: u32) -> Option<(u32, bool)> {
        if self.steps.is_some_and(|steps| step >= steps) {
            return None;
        }
        let Some(samples) = self.samples else { return Some((room, false)) };
        match u32::try_from(samples.saturating_sub(drawn)) {
            Ok(left) if left <= room => Some((left, true)),
            _ => Some((room, false)),
        }
    }

    /// Samples of the global batch of a step of a whole run whose every batch has `global` samples, but perhaps the last; 0 after that.
    pub(crate) fn size_of(&self, step: u64, global: u32) -> u32 {
        let progress = Progress { step, consumed_samples: step.saturating_mul(u64::from(global)), ..Progress::default() };
        self.next_size(&progress, global).unwrap_or(0)
    }

    /// Global batches of a whole run whose every batch has `global` samples, but perhaps the last.
    pub(crate) fn n_steps(&self, global: u32) -> Option<u64> {
        let global = u64::from(global.max(1));
        let by_samples = self.samples.map(|n| if self.drop_last { n / global } else { n.div_ceil(global) });
        match (self.steps, by_samples) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_run_of_epochs_gives_exactly_its_samples_in_exactly_its_steps(
            n in 1u64..200, global in 1u32..70, drop_last: bool, steps in proptest::option::of(0u64..12),
        ) {
            let ends = Ends { steps, samples: Some(n), drop_last };
            let mut progress = Progress::default();
            while let Some(size) = ends.next_size(&progress, global) {
                prop_assert_eq!(size, ends.size_of(progress.step, global));
                prop_assert!(size == global || u64::from(size) == n - progress.consumed_samples);
                progress.step += 1;
                progress.consumed_samples += u64::from(size);
            }
            prop_assert_eq!(Some(progress.step), ends.n_steps(global));
            prop_assert_eq!(ends.size_of(progress.step, global), 0);
            let whole = if drop_last { n - n % u64::from(global) } else { n };
            let allowed = steps.map_or(u64::MAX, |s| s * u64::from(global));
            prop_assert_eq!(progress.consumed_samples, whole.min(allowed));
        }
    }
}
