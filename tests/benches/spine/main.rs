//! The table of `docs/benchmarks.md`: what the main job costs on this machine.
//!
//! Not measured: disks (files are in the page cache), networks, trainers. Each row is the median of several repetitions; rows that compare
//! two things alternate between them in the same process, since machines drift.
//!
//! `cargo xtask bench [FILTER]`. Data is made under `target/bench` and kept; at full size it takes 4 GB and a few minutes once.
//! `CURRICLE_BENCH_SMALL=1` shrinks the rows whose names say N = 10⁸ to 10⁶.

mod analysis;
mod assembly;
mod memory;
mod policy;
mod report;
mod run;

use std::env;

use anyhow::Result;
use curricle_tests::bench::table;

fn main() -> Result<()> {
    if let Some(job) = env::var_os(memory::CHILD) {
        return memory::child(&job.to_string_lossy());
    }
    table(&[
        ("policy", policy::steps),
        ("shuffle", policy::shuffled_ids),
        ("metric", analysis::plugin_against_native),
        ("threads", analysis::two_threads_against_one),
        ("select", run::difficulty_change),
        ("open", run::open_resume_state),
        ("assembly", assembly::against_memcpy),
        ("report", report::honest),
        ("memory", memory::resident),
    ])
}
