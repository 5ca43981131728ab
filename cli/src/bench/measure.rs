//! The works that are measured, one for each kind of plugin, inside of the sandbox.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use curricle::{
    Run, RunConfig,
    plugin::{Limits, MetricPlugin, PacingPlugin, PackerPlugin, Samples, Spent},
};
use serde_json::Value;

use super::{
    Pacings,
    data::{self, Chunk},
    spread::Spread,
};
use crate::terminal;

/// Longest that one work is repeated: enough for a stable median, and short enough to wait for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Samples of a step.
pub(super) const BATCH: u32 = 1024;
/// Tokens that a metric is given at once.
pub(super) const CHUNK: u32 = 1 << 20;
/// Samples and room of what a packer is asked.
pub(super) const PACKED: (u64, u32) = (1024, 2048);

/// One work, many times.
#[derive(Debug)]
pub(super) struct Measured {
    /// What it is.
    pub(super) work: String,
    /// Nanoseconds of each time.
    pub(super) time: Spread,
    /// Nanoseconds with the host's part, where that is more.
    pub(super) whole: Option<Spread>,
    /// Fuel of each time; none where it is not metered.
    pub(super) fuel: Option<Spread>,
    /// Tokens of one time, for a rate.
    pub(super) tokens: Option<u64>,
    /// Bytes that the instance holds in the end.
    pub(super) memory: u64,
}

/// Repeats a work after some that warm up, until there are `most` or the patience ends. What it gives is what the sandbox took, and the whole.
fn repeat(most: u64, least: u64, what: &str, mut work: impl FnMut(u64) -> Result<Option<Spent>>) -> Result<(Vec<Spent>, Vec<Duration>)> {
    let bar = terminal::progress(most, "times", what);
    let warm = (most / 10).clamp(1, 1000);
    let (mut spent, mut whole) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    for i in 0..warm.saturating_add(most) {
        if terminal::interrupted() {
            let remedy = "what was measured before is not enough to tell".into();
            return Err(curricle::Error::Interrupted { doing: format!("measuring {what}"), remedy }.into());
        }
        if begun.elapsed() > PATIENCE && spent.len() as u64 >= least {
            break;
        }
        let start = Instant::now();
        let Some(one) = work(i)? else { break };
        // A slow work is warm after its first time.
        if i >= warm || begun.elapsed() > PATIENCE / 10 && i > 0 {
            whole.push(start.elapsed());
            spent.push(one);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok((spent, whole))
}

fn measured(work: String, spent: &[Spent], whole: Option<&[Duration]>, metered: bool) -> Result<Measured> {
    let none = || format!("{work}: it ended before anything was measured; give a configuration that lasts for more steps");
    let times: Vec<Duration> = spent.iter().map(|one| one.time).collect();
    Ok(Measured {
        time: Spread::of_times(&times).with_context(none)?,
        whole: whole.and_then(Spread::of_times),
        fuel: Spread::of(spent.iter().filter(|_| metered).map(|one| one.fuel as f64)),
        tokens: None,
        memory: spent.iter().map(|one| one.memory).max().unwrap_or(0),
        work,
    })
}

/// Steps of a policy over synthetic data in `folder`.
pub(super) fn policy(plugin: &Path, config: &Value, pacings: Pacings, steps: u64, folder: &Path) -> Result<Vec<Measured>> {
    let columns = data::write(folder, &data::columns(config))?;
    let text = format!("seed = 1\n[dataset]\npath = \"data\"\n[batch]\nglobal-batch-size = {BATCH}\n[policy]\nplugin = \"-\"\n");
    let mut run = RunConfig::parse(&text, "bench", folder)?;
    run.policy.plugin = std::path::absolute(plugin)?.display().to_string();
    run.policy.limits = Limits::interpreted();
    run.pacing = pacings;
    run.columns = columns;
    run.policy.config = toml::Table::try_from(config).context("the configuration has a null, which a run file cannot say")?;
    let run = Run::open(run)?;
    let mut planner = run.planner()?;
    let mut spare = None;
    let (spent, whole) = repeat(steps, 100, "steps", |_| {
        let planned = match spare.take() {
            Some(plan) => planner.plan_into(plan)?,
            None => planner.plan()?,
        };
        let Some(planned) = planned else { return Ok(None) };
        spare = Some(planned.plan);
        Ok(Some(planner.spent()))
    })?;
    Ok(vec![measured(format!("step of {BATCH} samples"), &spent, Some(&whole), true)?])
}

/// Calls of a pacing function.
pub(super) fn pacing(plugin: &Path, config: &Value, times: u64) -> Result<Vec<Measured>> {
    let plugin = PacingPlugin::load(&plugin.display().to_string(), plugin, config, &Limits::interpreted())?;
    let mut pacing = plugin.instantiate()?;
    let (spent, _) = repeat(times, 100, "calls", |i| {
        pacing.difficulty(i)?;
        Ok(Some(pacing.spent()))
    })?;
    Ok(vec![measured("difficulty of a step".into(), &spent, None, true)?])
}

/// Calls of a packer.
pub(super) fn packer(plugin: &Path, config: &Value, times: u64) -> Result<Vec<Measured>> {
    let plugin = PackerPlugin::load(&plugin.display().to_string(), plugin, config, &Limits::interpreted())?;
    let mut packer = plugin.instantiate()?;
    let (samples, capacity) = PACKED;
    let lengths = data::packed_lengths(samples, capacity);
    let (spent, _) = repeat(times, 50, "calls", |_| {
        packer.pack(&lengths, capacity, None)?;
        Ok(Some(packer.spent()))
    })?;
    Ok(vec![measured(format!("packing of {samples} samples into bins of {capacity}"), &spent, None, true)?])
}

/// A metric over tokens of every width: each pass, then the values.
pub(super) fn metric(plugin: &Path, config: &Value, times: u64) -> Result<Vec<Measured>> {
    let mut all = Vec::new();
    for width in [1, 2, 4] {
        let loaded = MetricPlugin::load(&plugin.display().to_string(), plugin, config, &Limits::interpreted())?;
        let mut metric = loaded.instantiate()?;
        let needs = metric.needs();
        let chunk = Chunk::new(width, CHUNK);
        let tokens = if needs.tokens { chunk.tokens.as_slice() } else { &[] };
        let samples = Samples { first: 0, width, tokens, offsets: &chunk.offsets };
        let mut keep = |work: String, spent: &[Spent]| -> Result<()> {
            let mut one = measured(work, spent, None, false)?;
            one.tokens = Some(u64::from(chunk.n_tokens()));
            all.push(one);
            Ok(())
        };
        for pass in 0..needs.passes {
            let (spent, _) = repeat(times, 5, "passes", |_| {
                metric.accumulate(pass, &samples)?;
                let spent = metric.spent();
                metric.partial(pass)?;
                Ok(Some(spent))
            })?;
            keep(format!("pass {pass}, tokens of {width} bytes"), &spent)?;
            metric.accumulate(pass, &samples)?;
            let partial = metric.partial(pass)?;
            let merged = metric.merge(pass, &[partial])?;
            metric.finish(pass, &merged)?;
        }
        if needs.values {
            let (spent, _) = repeat(times, 5, "chunks", |_| {
                metric.measure(&samples)?;
                Ok(Some(metric.spent()))
            })?;
            keep(format!("values, tokens of {width} bytes"), &spent)?;
        }
    }
    if all.is_empty() {
        bail!("the metric asks for neither passes nor values, so there is nothing to measure");
    }
    Ok(all)
}
