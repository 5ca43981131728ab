//! The table "The sandbox" of `docs/benchmarks.md`: what it costs that plugins are strangers.
//!
//! Among the plugins is one in Python, of `python/app.py`, which is made under `target/bench` with componentize-py, installed there if need be.
//! Everything has been loaded before and is in the page cache; where a row says "in a process of its own", a process does nothing else.
//!
//! `cargo xtask bench sandbox [FILTER]`, which turns on the host's feature `bare`: the same component without a sandbox.

mod load;
mod python;
mod restart;
mod step;

use std::env;

use anyhow::Result;
use curricle_tests::bench::table;

fn main() -> Result<()> {
    if let Some(path) = env::var_os(load::CHILD) {
        return load::child(path.as_ref());
    }
    table(&[("step", step::cost), ("load", load::cached), ("restart", restart::from_state)])
}
