//! Whole-system tests, one binary.

/// Batches are the same however a run is divided, prefetched and interrupted.
mod determinism;
/// What each built-in policy promises, through the sandbox.
mod policies;
/// What a rank gets: tokens in place, in every layout.
mod batches;
/// Each bad input is one error that says what, where and what to do.
mod messages;
/// From text to a dataset, whole or in several goes.
mod import;
/// The command line, as a program calls it.
mod cli;
/// The repository's own order.
mod tidy;
