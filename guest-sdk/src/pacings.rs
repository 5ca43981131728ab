//! Pacing functions that the run file names: built in, or plugins themselves. For policies.

use crate::{Result, host};

/// Difficulty at a step, counted from 0; finite.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) if the run file has no `[pacing.<name>]`.
pub fn difficulty(name: &str, step: u64) -> Result<f64> {
    host::difficulty(name, step)
}
