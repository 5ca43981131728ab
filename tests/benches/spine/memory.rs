//! Resident memory besides mapped files, of processes of their own.

use std::{
    env, fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use curricle::{Sampler, dataset::Dataset};
use curricle_tests::bench::{Row, data};

use super::analysis;

/// Names the job in the environment of a child.
pub(crate) const CHILD: &str = "CURRICLE_BENCH_CHILD";

const N: u64 = 10_000_000;

pub(crate) fn resident() -> Result<Vec<Row>> {
    if !Path::new("/proc/self/status").exists() {
        return Ok(Vec::new());
    }
    let documents = data::documents(N, 4, 12)?;
    let mut rows = Vec::new();
    for (job, words) in [("analyze", "analyze (vocab-rarity, 2 threads)"), ("run", "run (curriculum of two metrics)")] {
        if job == "run" {
            let dataset = Dataset::open(&documents)?;
            for (name, salt) in [("a", 0), ("b", 1 << 40)] {
                data::numbers(&dataset, &dataset.columns_dir().join(format!("{name}.arrow")), |i| (data::noise(i ^ salt) % 1000) as u32)?;
            }
        }
        let output = Command::new(env::current_exe()?).env(CHILD, job).output()?;
        ensure!(output.status.success(), "{job}: {}", String::from_utf8_lossy(&output.stderr));
        let kib: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().context("a child that does not tell")?;
        let mb = kib * 1024 / 1_000_000;
        rows.push(Row {
            work: format!("resident memory besides mapped files, N = 10⁷: {words}"),
            measured: format!("{mb} MB at most"),
            target: "≤ 200 MB",
            met: mb <= 200,
        });
    }
    Ok(rows)
}

/// Does a job and prints the most memory it had, in KiB.
pub(crate) fn child(job: &str) -> Result<()> {
    let most = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(anonymous_kib("self"), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(2));
            }
        });
        let result = if job == "analyze" { analyze() } else { run() };
        most.fetch_max(anonymous_kib("self"), Ordering::Relaxed);
        done.store(true, Ordering::Relaxed);
        result
    });
    result?;
    println!("{}", most.into_inner());
    Ok(())
}

/// Memory of a process besides mapped files, in KiB.
pub(crate) fn anonymous_kib(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn analyze() -> Result<()> {
    analysis::analyze(&Dataset::open(data::documents(N, 4, 12)?)?, "vocab-rarity", 2)
}

fn run() -> Result<()> {
    let path = format!("path = {:?}", data::documents(N, 4, 12)?.display().to_string());
    let rest = "[batch]\nglobal-batch-size = 4096\n[policy]\nplugin = \"curriculum\"\n[policy.config]\nmetrics = [\
                { column = \"a\", by = \"value\", pacing = \"p\" }, { column = \"b\", by = \"percentile\", pacing = \"q\" }]\n\
                [pacing.p]\nkind = \"linear\"\nmin = 100\nmax = 999\nsteps = 200\nquantum = 10\n\
                [pacing.q]\nkind = \"linear\"\nmin = 10\nmax = 100\nsteps = 200\nquantum = 1\n";
    let mut sampler = Sampler::start(&data::run(&path, rest)?)?;
    for _ in 0..250 {
        sampler.next_batch()?;
    }
    Ok(())
}
