//! Processes killed with SIGKILL at random moments: what they had published is whole, the same command goes on to the same bytes, and nothing
//! is left over.
//!
//! `cargo xtask test` runs a cut, `--soak` all of it. The seed of a run is printed; `CURRICLE_KILL_SEED` repeats it, as far as a moment of the
//! clock can be repeated.

mod harness;
/// From text to a dataset.
mod import;
/// From a dataset to a column, on one machine or in parts.
mod analyze;
/// What is compiled or unpacked once.
mod caches;
/// The run itself, and its state.
mod sample;
/// Ctrl-C and SIGTERM, which a process answers.
mod interrupts;
