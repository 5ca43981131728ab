//! {{summary}}.

use curricle_guest::{Condition, ConfigSchema, Plan, Policy, Result, Step, Stream, export};
use serde::Deserialize;

/// What the run file says in `[policy.config]`.
#[derive(Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Samples of up to so many tokens are short.
    at_most: f64,
    /// Steps that draw short samples alone.
    #[config(min = 1)]
    steps: u64,
}

/// The policy at work.
pub struct {{Name}} {
    short: Stream,
    all: Stream,
    steps: u64,
}

impl Policy for {{Name}} {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        let short = Condition::between("seqlen", None, config.at_most);
        let short = Stream::shuffled("short", &[short])?;
        let all = Stream::shuffled("all", &[])?;
        let steps = config.steps;
        Ok(Self { short, all, steps })
    }

    fn fill(&mut self, step: Step, plan: &mut Plan) -> Result<()> {
        let early = step.index < self.steps;
        plan.draw(if early { self.short } else { self.all }, plan.size())
    }
}

export!(policy: {{Name}});

#[cfg(test)]
mod tests {
    use curricle_guest::testing::Run;
    use serde_json::json;

    use super::*;

    #[test]
    fn short_samples_come_first_and_then_all() {
        let run = Run::new(100).numbers("seqlen", (0..100).map(f64::from));
        let run = run.config(json!({"at-most": 9, "steps": 2}));
        let mut run = run.start::<{{Name}}>().unwrap();
        for _ in 0..2 {
            assert!(run.step(8).unwrap().ids.iter().all(|&id| id <= 9));
        }
        assert_eq!(run.step(8).unwrap().draws, [("all".to_owned(), 8)]);
    }
}
