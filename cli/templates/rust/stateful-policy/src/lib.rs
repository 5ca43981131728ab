//! {{summary}}.

use std::collections::VecDeque;

use curricle_guest::{ConfigSchema, Error, Plan, Policy, Result, Snapshot, Step, Stream, export};
use serde::Deserialize;

/// What the run file says in `[policy.config]`.
#[derive(Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// At most this part of a batch comes again.
    #[config(min = 0.0, max = 1.0)]
    share: f64,
    /// Steps until a sample comes again.
    #[config(min = 1, max = 1000)]
    after: usize,
}

/// The policy at work.
pub struct {{Name}} {
    config: Config,
    all: Stream,
    /// Of each of the last steps what is to come again, the oldest first.
    waiting: VecDeque<Vec<u64>>,
}

impl Policy for {{Name}} {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        let all = Stream::shuffled("all", &[])?;
        let waiting = VecDeque::new();
        Ok(Self {
            config,
            all,
            waiting,
        })
    }

    fn fill(&mut self, _: Step, plan: &mut Plan) -> Result<()> {
        let most = (f64::from(plan.size()) * self.config.share) as usize;
        let mut again = Vec::new();
        if self.waiting.len() >= self.config.after {
            again = self.waiting.pop_front().unwrap_or_default();
        }
        again.truncate(most);
        let mut new = self.all.take(plan.size() - again.len() as u32);
        plan.append(&again)?;
        plan.append(&new)?;
        new.truncate(most);
        self.waiting.push_back(new);
        Ok(())
    }
}

impl Snapshot for {{Name}} {
    fn save(&self) -> Vec<u8> {
        serde_json::to_vec(&self.waiting).unwrap_or_default()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.waiting = serde_json::from_slice(state).map_err(|e| Error::state(e.to_string()))?;
        Ok(())
    }
}

export!(stateful policy: {{Name}});

#[cfg(test)]
mod tests {
    use curricle_guest::testing::Run;
    use serde_json::json;

    use super::*;

    fn run() -> Run {
        Run::new(100).config(json!({"share": 0.25, "after": 2}))
    }

    #[test]
    fn what_was_new_comes_again_two_steps_later() {
        let mut run = run().start::<{{Name}}>().unwrap();
        let batches: Vec<_> = (0..4).map(|_| run.step(8).unwrap().ids).collect();
        assert_eq!(batches[2][..2], batches[0][..2]);
        assert_eq!(batches[3][..2], batches[1][..2]);
    }

    #[test]
    fn a_saved_and_restored_policy_goes_on_as_if_nothing_had_been() {
        let mut whole = run().start::<{{Name}}>().unwrap();
        whole.step(8).unwrap();
        let mut resumed = run().resume::<{{Name}}>(&whole.state()).unwrap();
        for _ in 0..5 {
            assert_eq!(resumed.step(8), whole.step(8));
        }
    }
}
