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
//! x(t) = max − min(t / T, 1)^(1 / r) · (max − min)    falling
//! ```
//!
//! `t / T` of a rising curve goes on beyond 1, so that a maximum which is no multiple of `q` is reached. Steps count from 0 here and from 1 in DeepSpeed:
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
        /// From `max` down to `min`: for what starts hard, or to let a lower bound follow.
        #[serde(default, skip_serializing_if = "is_false")]
        falling: bool,
    },
    /// Levels: `difficulty[i]` up to and including step `until[i]`, the last one for ever. They may fall.
    Discrete {
        /// The levels, one more than bounds.
        difficulty: Vec<f64>,
        /// Last step of each level but the last, ascending.
        until: Vec<u64>,
        /// The first level of at least so much is never left, as DeepSpeed never leaves its `max_difficulty`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hold_at: Option<f64>,
    },
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Pacing {
    /// Checks the parameters. `place` says where the one of a name stands, for the message.
    ///
    /// # Errors
    /// [`Error::Config`] that names the parameter.
    pub fn check(&self, place: impl Fn(&str) -> String) -> Result<()> {
        let bad = |key: &str, problem: String, remedy: &str| Err(Error::config(place(key), problem, remedy));
        match &self.curve {
            Curve::Power { min, max, steps, degree, quantum, falling: _ } => {
                if !(min.is_finite() && max.is_finite() && min <= max) {
                    return bad(
                        "max",
                        format!("min is {min} and max {max}"),
                        "give finite numbers with min ≤ max; `falling = true` goes from max to min",
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
            Curve::Discrete { difficulty, until, hold_at } => {
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
                if let Some(level) = hold_at
                    && !level.is_finite()
                {
                    return bad("hold-at", format!("level {level}"), "give a finite number, or leave it out");
                }
            }
        }
        Ok(())
    }

    /// Difficulty at a step, counted from 0.
    pub fn difficulty(&self, step: u64) -> f64 {
        let t = step.saturating_add(self.first_step);
        match &self.curve {
            &Curve::Power { min, max, steps, degree, quantum, falling } => {
                let fraction = t as f64 / steps as f64;
                let fraction = if falling { fraction.min(1.0) } else { fraction };
                let powered = if degree == 1.0 { fraction } else { libm::pow(fraction, 1.0 / degree) };
                let x = match falling {
                    false => powered * (max - min) + min,
                    // At the end exactly, whatever the rounding on the way.
                    true if powered >= 1.0 => min,
                    true => max - powered * (max - min),
                };
                let x = match quantum {
                    Some(q) => ((x.floor() / q).floor() * q).max((min / q).ceil() * q),
                    None => x,
                };
                x.min(max)
            }
            Curve::Discrete { difficulty, until, hold_at } => {
                let level = until.partition_point(|&bound| bound < t);
                let held = hold_at.and_then(|least| difficulty.iter().position(|&d| d >= least));
                difficulty.get(held.map_or(level, |held| level.min(held))).copied().unwrap_or(f64::NAN)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn power(min: f64, max: f64, steps: u64, degree: f64, quantum: f64) -> Pacing {
        Pacing { first_step: 0, curve: Curve::Power { min, max, steps, degree, quantum: Some(quantum), falling: false } }
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
        let curve = Curve::Discrete { difficulty: vec![1.0, 2.0, 3.0, 4.0, 5.0], until: vec![2, 4, 6, 8], hold_at: None };
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
        let pacing =
            Pacing { first_step: 0, curve: Curve::Power { min: 0.0, max: 1.0, steps: 4, degree: 1.0, quantum: None, falling: false } };
        assert_eq!([0, 1, 2, 3, 4, 9].map(|t| pacing.difficulty(t)), [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]);
    }

    fn falling(min: f64, max: f64, steps: u64, degree: f64, quantum: Option<f64>) -> Pacing {
        Pacing { first_step: 0, curve: Curve::Power { min, max, steps, degree, quantum, falling: true } }
    }

    #[test]
    fn a_falling_curve_goes_from_its_maximum_to_its_minimum_and_stays() {
        let pacing = falling(0.1, 0.3, 3, 1.0, None);
        assert_eq!([0, 3, 4, 1 << 40].map(|t| pacing.difficulty(t)), [0.3, 0.1, 0.1, 0.1]);
        let pacing = falling(2.0, 10.0, 8, 1.0, Some(2.0));
        assert_eq!((0..10).map(|t| pacing.difficulty(t)).collect::<Vec<_>>(), [10.0, 8.0, 8.0, 6.0, 6.0, 4.0, 4.0, 2.0, 2.0, 2.0]);
        let root = falling(1.0, 101.0, 100, 2.0, None);
        assert_eq!([0, 1, 4, 25, 100].map(|t| root.difficulty(t)), [101.0, 91.0, 81.0, 51.0, 1.0]);
    }

    #[test]
    fn a_falling_curve_stays_at_or_above_the_first_multiple_at_or_above_its_minimum() {
        let pacing = falling(10.0, 64.0, 9, 1.0, Some(8.0));
        assert_eq!((0..12).map(|t| pacing.difficulty(t)).fold(f64::INFINITY, f64::min), 16.0);
        assert_eq!(pacing.difficulty(9), 16.0);
    }

    #[test]
    fn levels_come_down_again_unless_one_is_held() {
        let curve = |hold_at| Curve::Discrete { difficulty: vec![1.0, 5.0, 2.0, 9.0], until: vec![0, 1, 2], hold_at };
        let levels = |hold_at| (0..5).map(|t| Pacing { first_step: 0, curve: curve(hold_at) }.difficulty(t)).collect::<Vec<_>>();
        assert_eq!(levels(None), [1.0, 5.0, 2.0, 9.0, 9.0]);
        assert_eq!(levels(Some(4.0)), [1.0, 5.0, 5.0, 5.0, 5.0]);
        assert_eq!(levels(Some(9.0)), levels(None));
        assert_eq!(levels(Some(10.0)), levels(None));
    }

    #[test]
    fn what_is_written_without_the_later_parameters_has_the_same_form_as_ever() {
        let json = |pacing: &Pacing| serde_json::to_string(pacing).unwrap();
        assert_eq!(
            json(&power(1.0, 2.0, 3, 1.0, 4.0)),
            r#"{"first-step":0,"curve":{"power":{"min":1.0,"max":2.0,"steps":3,"degree":1.0,"quantum":4.0}}}"#
        );
        let curve = Curve::Discrete { difficulty: vec![1.0], until: vec![], hold_at: None };
        assert_eq!(json(&Pacing { first_step: 1, curve }), r#"{"first-step":1,"curve":{"discrete":{"difficulty":[1.0],"until":[]}}}"#);
    }

    #[test]
    fn wrong_parameters_are_refused_by_place() {
        let refused = |curve: Curve| Pacing { first_step: 0, curve }.check(|key| format!("run.toml:{key}")).unwrap_err().to_string();
        assert_eq!(
            refused(power(3.0, 1.0, 8, 1.0, 1.0).curve),
            "run.toml:max: min is 3 and max 1; give finite numbers with min ≤ max; `falling = true` goes from max to min"
        );
        assert_eq!(
            refused(Curve::Discrete { difficulty: vec![1.0], until: vec![2], hold_at: None }),
            "run.toml:until: 1 difficulties and 1 bounds; give one difficulty more than bounds"
        );
        assert_eq!(
            refused(Curve::Discrete { difficulty: vec![1.0], until: vec![], hold_at: Some(f64::NAN) }),
            "run.toml:hold-at: level NaN; give a finite number, or leave it out"
        );
    }
}
