//! Whole-system tests, one binary.

/// Batches are the same however a run is divided, prefetched and interrupted.
mod determinism;
/// Going on: from older states, with other sizes, with what the operator lets differ.
mod resume;
/// What each built-in policy promises, through the sandbox.
mod policies;
/// Columns are the same over any threads and breaks, and right.
mod analysis;
/// What a rank gets: tokens in place, in every layout.
mod batches;
/// Samples cut, divided and counted as pacing functions say.
mod lengths;
/// Each bad input is one error that says what, where and what to do.
mod messages;
/// What is no file, no line, no memory: nothing hangs, panics or is lost.
mod robustness;
/// Killed at any moment, everything is whole and goes on.
#[cfg(unix)]
mod kill;
/// Plugins that do wrong in every way: one clear error each, and the process goes on.
mod hostile;
/// Disks that are full or read-only.
mod disk;
/// From text to a dataset, whole or in several goes.
mod import;
/// The command line, as a program calls it.
mod cli;
/// The page of a simulation, in a browser.
mod report;
/// What plugins cost.
mod bench;
/// The run files of `examples/`, on this repository's own text.
mod examples;
/// The repository's own order.
mod tidy;
/// Bytes of strangers: seeds of the fuzz targets and mutations of them.
mod fuzz;
/// What is depended on may be.
mod licences;
/// Files of others: what they write is read here, what is written here is read by them.
mod formats;
mod deepspeed;
/// The same plugins in every language that has a template.
mod languages;
/// The suite that every plugin takes, and what it finds in those that do wrong.
mod conformance;
/// What `curricle new` writes.
mod new;
/// The guide, block by block.
mod guide;
/// Policies that other pages show whole.
mod shown;
/// What `curricle doctor` finds, and what it does not.
#[cfg(unix)]
mod doctor;
/// What is told of a plugin, and of what is none.
mod inspect;
/// Plugins of every version of the contract run.
mod contract;
/// Plugins in OCI registries: pushed, pulled, pinned.
#[cfg(unix)]
mod registry;
/// Plugins in Python, JavaScript and TypeScript.
mod interpreted;
