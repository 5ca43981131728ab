//! Runs whose plugins are written by hand, to fail when it suits a test.

mod bench;
mod changes;
mod faults;
mod on_fault;
