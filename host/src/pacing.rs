//! How hard may the data be at a step? The built-in pacing functions; others are plugins of the `pacing` world.
//!
//! The formulas are those of DeepSpeed's curriculum scheduler (`fixed_linear`, `fixed_root`, `fixed_discrete`), which take them from
//! Platanios et al., *Competence-based Curriculum Learning for Neural Machine Translation* (NAACL 2019, square root) and Bengio et al.,
//! *Curriculum Learning* (ICML 2009). With `t` the step, `T` the number of steps, `q` the quantum and `r` the degree:
//!
//! ```text
//! x(t) = (t / T)^(1 / r) · (max − min) + min          linear: r = 1
//! d(t) = min(x(t), max)                                without a quantum
//! d(t) = min(max(q·⌊⌊x(t)⌋ / q⌋, q·⌈min / q⌉), max)    with one
//! ```
//!
//! `t / T` goes on beyond 1, so that a maximum which is no multiple of `q` is reached. Steps count from 0 here and from 1 in DeepSpeed:
//! [`Pacing::first_step`] = 1 gives its values.
//!
//! Powers come from a pure Rust library, not from the system's: the same step has the same difficulty, to the bit, on every machine.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A built-in pacing function, as written in the run file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pacing {
    /// What the first global batch counts as: 0, or 1 to follow a schedule written for DeepSpeed.
    #[serde(default)]
    pub first_step: u64,
    /// The curve.
    pub curve: Curve,
}

/// The curve of a [`Pacing`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Curve {
    /// A power of the elapsed fraction; see the [module](self) for the formula.
    Power {
        /// Difficulty at the start.
        min: f64,
        /// Difficulty from `steps` on.
        max: f64,
        /// Steps until `max`; at least 1.
        steps: u64,
        /// r in the formula; 1 is linear, 2 the square root. Greater than 0.
        degree: f64,
        /// q in the formula: difficulties are multiples of it. Greater than 0.
        quantum: Option<f64>,
    },
    /// Levels: `difficulty[i]` up to and including step `until[i]`, the last one for ever.
    Discrete {
        /// The levels, one more than bounds.
        difficulty: Vec<f64>,
        /// Last step of each level but the last, ascending.
        until: Vec<u64>,
    },
}

impl Pacing {
    /// Checks the parameters. `place` is the key that they stand under, for the message.
    ///
    /// # Errors
    /// [`Error::Config`] that names the parameter.
    pub fn check(&self, place: &str) -> Result<()> {
        let bad = |key: &str, problem: String, remedy: &str| Err(Error::config(format!("{place}.{key}"), problem, remedy));
        match &self.curve {
            Curve::Power { min, max, steps, degree, quantum } => {
                if !(min.is_finite() && max.is_finite() && min <= max) {
                    return bad(
                        "max",
                        format!("min is {min} and max {max}"),
                        "give finite numbers with min ≤ max; a falling schedule is `discrete` or a plugin",
                    );
                }
                if *steps == 0 {
                    return bad("steps", "0 steps".into(), "give at least 1");
                }
                if !(degree.is_finite() && *degree > 0.0) {
                    return bad("degree", format!("degree {degree}"), "give a number greater than 0, such as 2");
                }
                if let Some(q) = quantum
                    && !(q.is_finite() && *q > 0.0)
                {
                    return bad("quantum", format!("quantum {q}"), "give a number greater than 0, or leave it out");
                }
            }
            Curve::Discrete { difficulty, until } => {
                if difficulty.len() != until.len() + 1 {
                    return bad(
                        "until",
                        format!("{} difficulties and {} bounds", difficulty.len(), until.len()),
                        "give one difficulty more than bounds",
                    );
                }
                if let Some(d) = difficulty.iter().find(|d| !d.is_finite()) {
                    return bad("difficulty", format!("difficulty {d}"), "give finite numbers");
                }
                if let Some(w) = until.windows(2).find(|w| w[0] >= w[1]) {
                    return bad("until", format!("bound {} after bound {}", w[1], w[0]), "give ascending steps");
                }
            }
        }
        Ok(())
    }

    /// Difficulty at a step, counted from 0.
    pub fn difficulty(&self, step: u64) -> f64 {
        let t = step.saturating_add(self.first_step);
        match &self.curve {
            &Curve::Power { min, max, steps, degree, quantum } => {
                let fraction = t as f64 / steps as f64;
                let powered = if degree == 1.0 { fraction } else { libm::pow(fraction, 1.0 / degree) };
                let x = powered * (max - min) + min;
                let x = match quantum {
                    Some(q) => ((x.floor() / q).floor() * q).max((min / q).ceil() * q),
                    None => x,
                };
                x.min(max)
            }
            Curve::Discrete { difficulty, until } => {
                let level = until.partition_point(|&bound| bound < t);
                difficulty.get(level).copied().unwrap_or(f64::NAN)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn power(min: f64, max: f64, steps: u64, degree: f64, quantum: f64) -> Pacing {
        Pacing { first_step: 0, curve: Curve::Power { min, max, steps, degree, quantum: Some(quantum) } }
    }

    #[test]
    fn linear_gives_deepspeeds_values() {
        let pacing = power(2.0, 10.0, 8, 1.0, 2.0);
        let got: Vec<f64> = (1..=10).map(|t| pacing.difficulty(t)).collect();
        assert_eq!(got, [2.0, 4.0, 4.0, 6.0, 6.0, 8.0, 8.0, 10.0, 10.0, 10.0]);
    }

    #[test]
    fn root_gives_deepspeeds_values() {
        let pacing = power(1.0, 100.0, 100, 2.0, 1.0);
        let got: Vec<f64> = [1, 2, 4, 9, 16, 25, 50, 64, 99, 100].map(|t| pacing.difficulty(t)).to_vec();
        assert_eq!(got, [10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 71.0, 80.0, 99.0, 100.0]);
    }

    #[test]
    fn discrete_gives_deepspeeds_values() {
        let curve = Curve::Discrete { difficulty: vec![1.0, 2.0, 3.0, 4.0, 5.0], until: vec![2, 4, 6, 8] };
        let pacing = Pacing { first_step: 1, curve };
        let got: Vec<f64> = (0..10).map(|step| pacing.difficulty(step)).collect();
        assert_eq!(got, [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0]);
    }

    #[test]
    fn a_schedule_never_starts_below_the_first_multiple_at_or_above_its_minimum() {
        assert_eq!(power(8.0, 1024.0, 100, 1.0, 16.0).difficulty(0), 16.0);
        assert_eq!(power(10.0, 1024.0, 100, 1.0, 8.0).difficulty(0), 16.0);
    }

    #[test]
    fn a_maximum_that_is_no_multiple_of_the_quantum_is_reached() {
        let pacing = power(1.0, 101.0, 10, 1.0, 8.0);
        assert_eq!(pacing.difficulty(10), 96.0);
        assert_eq!(pacing.difficulty(11), 101.0);
    }

    #[test]
    fn without_a_quantum_the_curve_is_exact_and_stops_at_its_maximum() {
        let pacing = Pacing { first_step: 0, curve: Curve::Power { min: 0.0, max: 1.0, steps: 4, degree: 1.0, quantum: None } };
        assert_eq!([0, 1, 2, 3, 4, 9].map(|t| pacing.difficulty(t)), [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]);
    }

    #[test]
    fn wrong_parameters_are_refused_by_name() {
        let wrong = power(3.0, 1.0, 8, 1.0, 1.0).check("pacing.x").unwrap_err().to_string();
        assert_eq!(
            wrong,
            "pacing.x.max: min is 3 and max 1; give finite numbers with min ≤ max; a falling schedule is `discrete` or a plugin"
        );
        let curve = Curve::Discrete { difficulty: vec![1.0], until: vec![2] };
        let wrong = Pacing { first_step: 0, curve }.check("pacing.x").unwrap_err().to_string();
        assert_eq!(wrong, "pacing.x.until: 1 difficulties and 1 bounds; give one difficulty more than bounds");
    }
}
