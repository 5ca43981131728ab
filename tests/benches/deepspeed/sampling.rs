//! Steps of a curriculum: the policy in its sandbox against DeepSpeed's sampler.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use curricle::{Planner, Run, batch::Plan};
use curricle_tests::bench::{Row, data, timing::middle};

use super::{driver, ratio};

const BATCH: &str = "1024";

/// The levels 1 to `last`, one for each step: as DeepSpeed's `fixed_discrete`, since a line through whole numbers does not hit each of them.
fn pacing(last: u32) -> String {
    let levels: Vec<String> = (1..=last).map(|level| level.to_string()).collect();
    let difficulty = levels.join(", ");
    let until = levels[..levels.len() - 1].join(", ");
    format!("[pacing.level]\nkind = \"discrete\"\nfirst-step = 1\ndifficulty = [{difficulty}]\nuntil = [{until}]")
}

fn run(dataset: &str, columns: &[(&str, String)], by: &str, last: u32) -> Result<Run> {
    let paths: String = columns.iter().map(|(name, path)| format!("{name} = {path:?}\n")).collect();
    let metrics: String =
        columns.iter().map(|(name, _)| format!("{{ column = \"{name}\", by = \"{by}\", pacing = \"level\" }},")).collect();
    let pacing = pacing(last);
    data::run(
        dataset,
        &format!(
            "[columns]\n{paths}[batch]\nglobal-batch-size = {BATCH}\n[policy]\nplugin = \"curriculum\"\n\
             [policy.config]\nmetrics = [{metrics}]\n{pacing}\n"
        ),
    )
}

/// Plans a batch into the memory of the one before.
fn plan(planner: &mut Planner, spare: &mut Plan) -> Result<()> {
    let memory = std::mem::replace(spare, Plan::new(0));
    *spare = planner.plan_into(memory)?.context("the run ended")?.plan;
    Ok(())
}

/// Times of single steps, as the driver takes them of DeepSpeed's.
fn each_step(planner: &mut Planner, spare: &mut Plan, n: u32) -> Result<Vec<Duration>> {
    let step = |_| {
        let start = Instant::now();
        plan(planner, spare)?;
        Ok(start.elapsed())
    };
    (0..n).map(step).collect()
}

pub(crate) fn step() -> Result<Vec<Row>> {
    const N: u64 = 1_000_000;
    const CLUSTERS: u32 = 250;
    const STEPS: u32 = 1000;
    let level = |i| 1 + (data::noise(i) % u64::from(CLUSTERS)) as u32;
    let values = data::raw("level", N, level)?;
    let found = driver::run("step", &[&values.to_string_lossy(), &CLUSTERS.to_string(), BATCH, &STEPS.to_string()])?;

    let (toml, dataset) = data::sequences(N)?;
    let path = data::folder()?.join(format!("level-{N}.arrow"));
    data::numbers(&dataset, &path, level)?;
    let run = run(&toml, &[("level", path.display().to_string())], "value", CLUSTERS)?;
    let (mut planner, mut spare) = (run.planner()?, Plan::new(run.shape().global()));
    for _ in 0..CLUSTERS + 8 {
        plan(&mut planner, &mut spare)?;
    }
    ensure!(planner.streams().get(CLUSTERS - 1).is_some() && planner.streams().get(CLUSTERS).is_none(), "there must be {CLUSTERS} streams");
    let time = middle(&mut each_step(&mut planner, &mut spare, STEPS)?);
    let work = format!("a step of a curriculum, {CLUSTERS} clusters, 1 024 samples, N = 10⁶");
    Ok(vec![ratio(work, time, driver::seconds(&found)?, "≥ 50 ×", 50.0)])
}

pub(crate) fn change() -> Result<Vec<Row>> {
    const N: u64 = 10_000_000;
    const LEVELS: u32 = 100;
    let (toml, dataset) = data::sequences(N)?;
    let mut columns = Vec::new();
    let mut raw = Vec::new();
    for (name, salt) in [("first", 0), ("second", 1 << 50)] {
        let value = |i| (data::noise(i ^ salt) % 100_000) as u32;
        raw.push(data::raw(name, N, value)?);
        let path = data::folder()?.join(format!("{name}-{N}.arrow"));
        data::numbers(&dataset, &path, value)?;
        columns.push((name, path.display().to_string()));
    }
    let [first, second] = [0, 1].map(|i| raw[i].to_string_lossy().into_owned());
    let found = driver::run("change", &[&first, &second, &LEVELS.to_string(), BATCH])?;

    let run = run(&toml, &columns, "percentile", LEVELS)?;
    let (mut planner, mut spare) = (run.planner()?, Plan::new(run.shape().global()));
    plan(&mut planner, &mut spare)?;
    let mut times = each_step(&mut planner, &mut spare, LEVELS - 1)?;
    let work = format!("a step at which the percentiles of two metrics change, 1 to {LEVELS} in steps of one, N = 10⁷");
    Ok(vec![ratio(work, middle(&mut times), driver::seconds(&found)?, "≥ 100 ×", 100.0)])
}
