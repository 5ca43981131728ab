#![doc = include_str!("../README.md")]

use curricle_guest::{ConfigSchema, Error, Plan, Policy, Result, Step, Stream, export};
use serde::Deserialize;

/// Its configuration.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whole passes over the data; endless if left out.
    #[config(min = 1)]
    epochs: Option<u64>,
}

/// Every sample once before any sample twice.
#[derive(Debug)]
pub struct Uniform {
    everything: Stream,
    /// Samples to give before it is exhausted.
    last: Option<u64>,
}

impl Policy for Uniform {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        let everything = Stream::shuffled("everything", &[])?;
        let last = match config.epochs {
            None => None,
            Some(0) => return Err(Error::config("epochs", "found 0, but there must be at least 1; leave it out for no end")),
            Some(epochs) => Some(everything.len().saturating_mul(epochs)),
        };
        Ok(Uniform { everything, last })
    }

    fn fill(&mut self, _: Step, plan: &mut Plan) -> Result<()> {
        let left = self.last.map(|last| last.saturating_sub(self.everything.position()));
        if left.is_some_and(|left| left < u64::from(plan.size())) {
            return Err(Error::Exhausted);
        }
        plan.draw(self.everything, plan.size())
    }
}

export!(policy: Uniform);

#[cfg(test)]
mod tests {
    use curricle_guest::testing::Run;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_sample_comes_once_an_epoch() {
        let mut run = Run::new(12).start::<Uniform>().unwrap();
        for _ in 0..3 {
            let mut epoch: Vec<u64> = (0..3).flat_map(|_| run.step(4).unwrap().ids).collect();
            epoch.sort_unstable();
            assert_eq!(epoch, (0..12).collect::<Vec<_>>());
        }
    }

    #[test]
    fn it_ends_after_its_epochs_without_a_partial_batch() {
        let mut run = Run::new(10).config(json!({"epochs": 2})).start::<Uniform>().unwrap();
        for _ in 0..6 {
            assert_eq!(run.step(3).unwrap().ids.len(), 3);
        }
        assert_eq!(run.step(3), Err(Error::Exhausted));
    }

    #[test]
    fn no_epoch_at_all_is_refused() {
        let error = Run::new(10).config(json!({"epochs": 0})).start::<Uniform>().unwrap_err();
        assert_eq!(error, Error::Config("`epochs`: found 0, but there must be at least 1; leave it out for no end".into()));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = Run::new(10).config(json!({"epoch": 2})).start::<Uniform>().unwrap_err();
        assert_eq!(error, Error::Config("`epoch`: unknown field `epoch`, expected `epochs`".into()));
    }
}
