//! The table "Against DeepSpeed" of `docs/benchmarks.md`: the same work, on the same data, in the same run.
//!
//! DeepSpeed's own code is run by `driver.py` in a virtual environment, which is made under `target/bench` (it takes 5 GB, most of it what torch
//! brings along) unless `CURRICLE_DEEPSPEED` names a Python that has it. Its times are taken inside of Python, around its calls.
//!
//! `cargo xtask bench deepspeed [FILTER]`. It takes three minutes, nearly all of them DeepSpeed's.

mod analysis;
mod driver;
mod packing;
mod sampling;

use std::time::Duration;

use anyhow::Result;
use curricle_tests::bench::{Row, table, timing::pretty};

fn main() -> Result<()> {
    table(&[
        ("step", sampling::step),
        ("change", sampling::change),
        ("analysis", analysis::against_analyzer),
        ("micro-batches", packing::micro_batches),
        ("bins", packing::bins),
    ])?;
    println!("{}.", driver::versions()?);
    Ok(())
}

/// A row that tells how many times faster this is than that.
fn ratio(work: String, ours: Duration, theirs: Duration, target: &'static str, at_least: f64) -> Row {
    let times = theirs.as_secs_f64() / ours.as_secs_f64();
    Row { work, measured: format!("{times:.0} × ({} against {})", pretty(ours), pretty(theirs)), target, met: times >= at_least }
}
