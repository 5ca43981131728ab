//! The time of a step of a run.

use std::time::Duration;

use anyhow::Result;
use curricle::{Run, batch::Plan};

use super::timing::median;

/// Time of one step, from the call of the policy to the digest of the shuffled batch.
///
/// # Errors
/// The first that a step has.
pub fn step_time(run: &Run, steps_a_repetition: u32) -> Result<Duration> {
    let mut planner = run.planner()?;
    let mut spare = Some(Plan::new(run.shape().global()));
    let mut failed = None;
    let time = median(15, || {
        for _ in 0..steps_a_repetition {
            match spare.take().map(|plan| planner.plan_into(plan)) {
                Some(Ok(Some(planned))) => spare = Some(planned.plan),
                Some(Err(error)) => failed = Some(error),
                _ => {}
            }
        }
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(time / steps_a_repetition),
    }
}
