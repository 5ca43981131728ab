//! One order of samples, whatever the ranks, micro-batches, prefetching, threads, instructions, layout of memory, and breaks.
//!
//! `matrix` goes through the combinations; `cells` says what these are and picks a cut of them; `harness` runs one. A cell that fails prints
//! its name, and `CURRICLE_CELL=NAME` runs the cells whose names contain it alone.

/// What a run promises, each promise by itself.
mod runs;
/// The axes and their combinations.
mod cells;
/// A cell, run: in this process or in processes that come and go.
mod harness;
/// The combinations of all.
mod matrix;
/// Ranks that are processes find out who went apart.
mod ranks;
/// Addresses, environment, instructions: nothing of a process reaches a result.
mod memory;
