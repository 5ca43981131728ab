//! Short samples first, in Rust: draws from the lowest part of a column, which grows from `from` to all of it in `steps` steps.

use curricle_guest::{Condition, ConfigSchema, Plan, Policy, Result, Step, Stream, export};

#[derive(Debug, serde::Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// Column of numbers whose lowest values come first
    #[config(min_length = 1, max_length = 120)]
    column: String,
    /// Part of the samples that the first step draws from
    #[config(above = 0, max = 1)]
    from: f64,
    /// Steps until all samples are drawn from
    #[config(min = 1, max = 9007199254740992)]
    steps: u64,
}

impl Policy for WarmUp {
    type Config = WarmUp;

    fn configure(config: WarmUp) -> Result<WarmUp> {
        Ok(config)
    }

    fn fill(&mut self, step: Step, plan: &mut Plan) -> Result<()> {
        let fraction = self.from + (1.0 - self.from) * step.index.min(self.steps) as f64 / self.steps as f64;
        // In sixteenths, rounded up, so that there are few streams.
        let part = (fraction * 16.0).ceil().min(16.0);
        let low = Condition::quantiles(&self.column, 0.0, part / 16.0);
        let stream = Stream::shuffled(&format!("up to {part}/16"), &[low])?;
        plan.annotate("fraction", fraction)?;
        plan.draw(stream, plan.size())
    }
}

export!(policy: WarmUp);

#[cfg(test)]
mod tests {
    use curricle_guest::testing::Run;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_part_that_is_drawn_from_grows_to_everything() {
        let config = json!({"column": "difficulty", "from": 0.25, "steps": 4});
        let mut run = Run::new(64).numbers("difficulty", (0..64).map(f64::from)).config(config).start::<WarmUp>().unwrap();
        for (step, part) in [4, 7, 10, 13, 16, 16].into_iter().enumerate() {
            let batch = run.step(8).unwrap();
            assert_eq!(batch.draws, [(format!("up to {part}/16"), 8)], "step {step}");
            assert!(batch.ids.iter().all(|id| *id < 4 * part), "step {step}");
        }
    }
}
