#![doc = include_str!("../README.md")]

use std::f64::consts::PI;

use curricle_guest::{ConfigSchema, Error, Pacing, Result, export};
use serde::Deserialize;

/// Its configuration.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Difficulty at step 0.
    min: f64,
    /// Difficulty from step `steps` on.
    max: f64,
    /// Steps from `min` to `max`; at least 1.
    #[config(min = 1)]
    steps: u64,
    /// The difficulty between the ends is rounded down to a multiple of this; as it is if left out.
    #[config(above = 0)]
    quantum: Option<f64>,
}

/// min + (max − min) × (1 − cos(π × step / steps)) / 2: slow at both ends, fastest in the middle.
#[derive(Debug)]
pub struct Cosine(Config);

impl Pacing for Cosine {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        if !config.min.is_finite() || !config.max.is_finite() || config.min > config.max {
            return Err(Error::config("min", format!("found {} and `max` {}; `min` must be at most `max`", config.min, config.max)));
        }
        if config.steps == 0 {
            return Err(Error::config("steps", "found 0, but there must be at least 1"));
        }
        if let Some(quantum) = config.quantum.filter(|quantum| !(quantum.is_finite() && *quantum > 0.0)) {
            return Err(Error::config("quantum", format!("found {quantum}, but it must be above 0; leave it out for no rounding")));
        }
        Ok(Cosine(config))
    }

    fn difficulty(&mut self, step: u64) -> f64 {
        let Config { min, max, steps, quantum } = self.0;
        if step >= steps {
            return max;
        }
        let risen = (1.0 - libm::cos(PI * (step as f64 / steps as f64))) / 2.0;
        let difficulty = min + (max - min) * risen;
        // Rounding never leaves the range: at the first steps it would fall below `min`.
        quantum.map_or(difficulty, |quantum| libm::floor(difficulty / quantum) * quantum).clamp(min, max)
    }
}

export!(pacing: Cosine);

#[cfg(test)]
mod tests {
    use curricle_guest::testing::pacing;
    use serde_json::json;

    use super::*;

    #[test]
    fn it_begins_at_min_passes_the_middle_halfway_and_ends_at_max() {
        let mut cosine = pacing::<Cosine>(json!({"min": 8.0, "max": 64.0, "steps": 100})).unwrap();
        assert_eq!(cosine.difficulty(0), 8.0);
        assert!((cosine.difficulty(50) - 36.0).abs() < 1e-9);
        assert!((cosine.difficulty(25) - (8.0 + 56.0 * (1.0 - 0.5f64.sqrt()) / 2.0)).abs() < 1e-9);
        assert_eq!(cosine.difficulty(100), 64.0);
        assert_eq!(cosine.difficulty(u64::MAX), 64.0);
    }

    #[test]
    fn it_never_falls() {
        let mut cosine = pacing::<Cosine>(json!({"min": 1.0, "max": 2.0, "steps": 997})).unwrap();
        let values: Vec<f64> = (0..1_000).map(|step| cosine.difficulty(step)).collect();
        assert!(values.is_sorted());
    }

    #[test]
    fn a_quantum_rounds_down_between_the_ends() {
        let mut cosine = pacing::<Cosine>(json!({"min": 10, "max": 100, "steps": 10, "quantum": 8})).unwrap();
        let values: Vec<f64> = (0..12).map(|step| cosine.difficulty(step)).collect();
        assert_eq!(values, [10.0, 10.0, 16.0, 24.0, 40.0, 48.0, 64.0, 80.0, 88.0, 96.0, 100.0, 100.0]);
    }

    #[test]
    fn what_makes_no_curve_is_refused_by_key() {
        let error = |config| pacing::<Cosine>(config).unwrap_err().to_string();
        assert_eq!(
            error(json!({"min": 2, "max": 1, "steps": 1})),
            "configuration: `min`: found 2 and `max` 1; `min` must be at most `max`"
        );
        assert_eq!(error(json!({"min": 1, "max": 2, "steps": 0})), "configuration: `steps`: found 0, but there must be at least 1");
        assert_eq!(
            error(json!({"min": 1, "max": 2, "steps": 1, "quantum": 0})),
            "configuration: `quantum`: found 0, but it must be above 0; leave it out for no rounding"
        );
    }
}
