#![doc = include_str!("../README.md")]

use curricle_guest::{Condition, ConfigSchema, Plan, Policy, Result, Step, Stream, export};

/// Its configuration.
#[derive(Debug, serde::Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Tokens of the longest sample that is short.
    longest: f64,
    /// Steps that draw short samples alone.
    steps: u64,
}

/// The policy.
#[derive(Debug)]
pub struct ShortFirst {
    short: Stream,
    all: Stream,
    steps: u64,
}

impl Policy for ShortFirst {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        let short = Condition::between("seqlen", None, config.longest);
        Ok(ShortFirst { short: Stream::shuffled("short", &[short])?, all: Stream::shuffled("all", &[])?, steps: config.steps })
    }

    fn fill(&mut self, step: Step, plan: &mut Plan) -> Result<()> {
        plan.draw(if step.index < self.steps { self.short } else { self.all }, plan.size())
    }
}

export!(policy: ShortFirst);

#[cfg(test)]
mod tests {
    use curricle_guest::testing::Run;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_short_samples_come_first() {
        let run = Run::new(100).numbers("seqlen", (0..100).map(f64::from)).config(json!({"longest": 9, "steps": 2}));
        let mut run = run.start::<ShortFirst>().unwrap();
        for _ in 0..2 {
            assert!(run.step(8).unwrap().ids.iter().all(|&id| id <= 9));
        }
        assert_eq!(run.step(8).unwrap().draws, [("all".to_owned(), 8)]);
    }
}
