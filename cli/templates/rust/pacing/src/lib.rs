//! {{summary}}.

use curricle_guest::{ConfigSchema, Pacing, Result, export};
use serde::Deserialize;

/// What the run file says in `[pacing.NAME] config`.
#[derive(Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Difficulty at step 0.
    from: f64,
    /// Difficulty from step `steps` on.
    to: f64,
    /// Steps from the one to the other.
    #[config(min = 1)]
    steps: u64,
}

/// The pacing function at work.
pub struct {{Name}}(Config);

impl Pacing for {{Name}} {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn difficulty(&mut self, step: u64) -> f64 {
        let Config { from, to, steps } = self.0;
        from + (to - from) * (step.min(steps) as f64 / steps as f64)
    }
}

export!(pacing: {{Name}});

#[cfg(test)]
mod tests {
    use curricle_guest::testing::pacing;
    use serde_json::json;

    use super::*;

    #[test]
    fn it_goes_straight_from_one_end_to_the_other() {
        let config = json!({"from": 8.0, "to": 64.0, "steps": 100});
        let mut line = pacing::<{{Name}}>(config).unwrap();
        let difficulties = [0, 50, 100, 1000].map(|step| line.difficulty(step));
        assert_eq!(difficulties, [8.0, 36.0, 64.0, 64.0]);
    }
}
