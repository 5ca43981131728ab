//! Loading a plugin that was loaded before.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use curricle::plugin::{self, Limits, PolicyPlugin};
use curricle_tests::bench::{
    Row, data,
    timing::{median, middle, pretty},
};
use serde_json::{Value, json};

use super::python;

/// Names the plugin in the environment of a child.
pub(crate) const CHILD: &str = "CURRICLE_BENCH_LOAD";

/// For how long the cache does not trust that a file stays as it is.
const SETTLES: Duration = Duration::from_secs(62);

/// The configuration of any plugin here.
fn config(path: &Path) -> Value {
    if path.ends_with("halves.wasm") || path.ends_with("fresh.wasm") { json!({ "column": "first", "share": 0.5 }) } else { json!({}) }
}

fn load(path: &Path) -> Result<PolicyPlugin> {
    Ok(PolicyPlugin::load(&path.display().to_string(), path, &config(path), &Limits::interpreted())?)
}

/// Loads a plugin and prints how long that took, in nanoseconds.
pub(crate) fn child(path: &Path) -> Result<()> {
    let start = Instant::now();
    load(path)?;
    println!("{}", start.elapsed().as_nanos());
    Ok(())
}

fn in_a_process(path: &Path) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..21 {
        let output = Command::new(env::current_exe()?).env(CHILD, path).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let ns = String::from_utf8_lossy(&output.stdout).trim().parse().context("a child that does not tell")?;
        times.push(Duration::from_nanos(ns));
    }
    Ok(middle(&mut times))
}

/// Has the cache know all there is to know of these plugins.
pub(crate) fn settle(paths: &[&Path]) -> Result<()> {
    for path in paths {
        load(path)?;
    }
    thread::sleep(SETTLES);
    for path in paths {
        load(path)?;
    }
    Ok(())
}

pub(crate) fn cached() -> Result<Vec<Row>> {
    let (uniform, halves) = (plugin::find("uniform")?, python::plugin()?);
    settle(&[&uniform, &halves])?;
    let mut rows = Vec::new();
    let mut row = |work: String, time: Duration, target| {
        rows.push(Row { work, measured: pretty(time), target, met: time <= Duration::from_millis(5) });
    };
    let size = fs::metadata(&halves)?.len() as f64 / 1e6;
    let python = format!("Python, {size:.0} MB");
    for (name, path) in [("`uniform`", &uniform), (&*python, &halves)] {
        row(format!("load a plugin that was loaded before, {name}, in a process of its own"), in_a_process(path)?, "≤ 5 ms");
        row(format!("the same again in one process, {name}"), median(51, || load(path).is_ok()), "≤ 5 ms");
    }
    let fresh = copy(&halves)?;
    row(
        format!("the same, {python}, a file that was written in the last minute, so that it is read and hashed"),
        median(21, || load(&fresh).is_ok()),
        "",
    );
    Ok(rows)
}

/// The same bytes in a file of now.
fn copy(path: &Path) -> Result<PathBuf> {
    let fresh = data::folder()?.join("fresh.wasm");
    fs::copy(path, &fresh)?;
    load(&fresh)?;
    Ok(fresh)
}
