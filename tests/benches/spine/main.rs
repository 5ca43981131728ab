//! The table of `docs/benchmarks.md`: what the main job costs on this machine.
//!
//! Not measured: disks (files are in the page cache), networks, trainers. Each row is the median of several repetitions; rows that compare
//! two things alternate between them in the same process, since machines drift.
//!
//! `cargo xtask bench [FILTER]`. Data is made under `target/bench` and kept; at full size it takes 4 GB and a few minutes once.
//! `CURRICLE_BENCH_SMALL=1` shrinks the rows whose names say N = 10⁸ to 10⁶.

mod analysis;
mod assembly;
mod data;
mod memory;
mod policy;
mod run;
mod timing;

use std::env;

use anyhow::Result;

/// One line of the table.
pub(crate) struct Row {
    pub(crate) work: String,
    pub(crate) measured: String,
    pub(crate) target: &'static str,
    pub(crate) met: bool,
}

type Bench = fn() -> Result<Vec<Row>>;

fn main() -> Result<()> {
    if let Some(job) = env::var_os(memory::CHILD) {
        return memory::child(&job.to_string_lossy());
    }
    // `cargo bench` passes `--bench`; a word is a filter.
    let filter = env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let benches: [(&str, Bench); 7] = [
        ("policy", policy::steps),
        ("shuffle", policy::shuffled_ids),
        ("metric", analysis::plugin_against_native),
        ("threads", analysis::two_threads_against_one),
        ("select", run::difficulty_change),
        ("open", run::open_resume_state),
        ("assembly", assembly::against_memcpy),
    ];
    println!("| work | measured | target | |\n| --- | --- | --- | --- |");
    let mut all = Vec::new();
    let memory: [(&str, Bench); 1] = [("memory", memory::resident)];
    for (name, bench) in benches.into_iter().chain(memory) {
        if name.contains(&filter) {
            for row in bench()? {
                let mark = if row.met { "met" } else { "missed" };
                println!("| {} | {} | {} | {mark} |", row.work, row.measured, row.target);
                all.push(row);
            }
        }
    }
    println!("\n{}", timing::machine());
    Ok(())
}
