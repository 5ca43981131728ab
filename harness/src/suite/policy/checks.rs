//! The checks of policies.

use curricle::{Error, Run, RunConfig};

use super::{FEW_STEPS, STEPS, run, stages};
use crate::{
    Failure,
    answer::Answer,
    data,
    suite::{Checked, QUICK, Stop, bench::Bench, of_samples, shell_word, sizes, stage::Stage},
    words,
};

/// Steps that an instance started in the middle goes on for.
const ONWARD: usize = 12;

/// A dataset of no samples is refused before the policy is asked.
pub(super) fn empty_dataset(bench: &Bench<'_>) -> Checked {
    data::empty_dataset(&bench.folder().join("empty"))?;
    let text = "seed = 1\n[dataset]\npath = \"empty\"\n[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"\"\n";
    let mut config = RunConfig::parse(text, "run.toml", bench.folder())?;
    config.policy.plugin = bench.subject.path.display().to_string();
    match Run::open(config) {
        Err(Error::Dataset { problem, .. }) => Ok(format!("refused: {problem}")),
        Err(error) => Err(error.into()),
        Ok(_) => Err(Failure::new("a run over a dataset of no samples was opened", "tell the authors of Curricle").into()),
    }
}

/// Batches of any size come to exactly that size.
pub(super) fn exact_sizes(bench: &Bench<'_>) -> Checked {
    let plugin = bench.policy()?;
    let mut tried = Vec::new();
    for stage in stages(bench, u64::MAX)? {
        let more = u32::try_from(stage.samples.saturating_mul(2).saturating_add(5)).unwrap_or(u32::MAX).min(4096);
        for size in [1, 3, 32, more] {
            bench.breathe()?;
            let place = format!("{}, batches of {size}", of_samples(stage.samples));
            let mut player = stage.start(&plugin, None).map_err(|error| Stop::from(error).at(&place))?;
            // The last batch of a run may be smaller.
            for size in [size, size, size, size.div_ceil(2), 1] {
                player.step(size).map_err(|error| at(error.into(), &stage, &place))?;
            }
        }
        tried.push(stage.samples);
    }
    Ok(format!("batches of 1, 3, 32, one larger than the data, and smaller last ones of {} samples", sizes(&tried)))
}

/// Two instances plan the same, of two loads of the plugin.
pub(super) fn same_answers(bench: &Bench<'_>) -> Checked {
    let (one, other) = (bench.policy()?, bench.policy()?);
    let mut tried = Vec::new();
    for stage in stages(bench, u64::MAX)? {
        let (steps, size) = extent(&stage);
        let first = run(bench, &stage, &one, steps, size).map_err(|stop| at(stop, &stage, ""))?;
        let second = run(bench, &stage, &other, steps, size).map_err(|stop| at(stop, &stage, ""))?;
        same(&first, &second, "a second instance plans otherwise than the first").map_err(|stop| at(stop, &stage, ""))?;
        tried.push(stage.samples);
    }
    Ok(format!("{STEPS} steps over {} samples", sizes(&tried)))
}

/// A fresh instance at every step plans what one instance plans.
pub(super) fn restored_at_every_step(bench: &Bench<'_>) -> Checked {
    let plugin = bench.policy()?;
    let stateful = plugin.is_stateful();
    let mut tried = Vec::new();
    for stage in stages(bench, u64::MAX)? {
        let (steps, size) = extent(&stage);
        let inner = || -> Result<(), Stop> {
            let whole = run(bench, &stage, &plugin, steps, size)?;
            let mut standing = None;
            for expected in &whole {
                bench.breathe()?;
                let mut player = stage.start(&plugin, standing.as_ref())?;
                let found = player.step(size)?;
                let problem = "an instance that was restored plans otherwise than one that was never interrupted";
                same(std::slice::from_ref(expected), std::slice::from_ref(&found), problem)?;
                standing = Some(player.standing(stateful)?);
            }
            Ok(())
        };
        inner().map_err(|stop| at(stop, &stage, ""))?;
        tried.push(stage.samples);
    }
    Ok(format!("{STEPS} steps, a fresh instance for each, over {} samples", sizes(&tried)))
}

/// An instance that starts in the middle goes on as the one that began at the beginning.
pub(super) fn no_hidden_state(bench: &Bench<'_>) -> Checked {
    let plugin = bench.policy()?;
    let stateful = plugin.is_stateful();
    let mut n_starts = 0;
    for stage in stages(bench, QUICK)? {
        let (steps, size) = extent(&stage);
        let mut inner = || -> Result<(), Stop> {
            let mut player = stage.start(&plugin, None)?;
            let (mut whole, mut standings) = (Vec::new(), Vec::new());
            for _ in 0..steps {
                standings.push(player.standing(stateful)?);
                whole.push(player.step(size)?);
                if whole.last().is_some_and(Answer::is_end) {
                    break;
                }
            }
            for (start, standing) in standings.iter().enumerate().filter(|(i, _)| *i < 4 || i.is_multiple_of(5)) {
                bench.breathe()?;
                let mut player = stage.start(&plugin, Some(standing))?;
                let expected: Vec<Answer> = whole.iter().skip(start).take(ONWARD).cloned().collect();
                let found = expected.iter().map(|_| player.step(size)).collect::<Result<Vec<_>, _>>()?;
                let problem = format!("an instance that starts at step {start} goes on otherwise than the one that began at step 0");
                same(&expected, &found, &problem)?;
                n_starts += 1;
            }
            Ok(())
        };
        inner().map_err(|stop| at(stop, &stage, ""))?;
    }
    Ok(format!("{n_starts} starts in the middle, {ONWARD} steps each"))
}

/// Saving twice, at every step or never makes no difference.
pub(super) fn save_changes_nothing(bench: &Bench<'_>) -> Checked {
    let plugin = bench.policy()?;
    let (mut largest, mut tried) = (0, Vec::new());
    for stage in stages(bench, QUICK)? {
        let (steps, size) = extent(&stage);
        let mut inner = || -> Result<(), Stop> {
            let never = run(bench, &stage, &plugin, steps, size)?;
            let mut player = stage.start(&plugin, None)?;
            for expected in &never {
                let (first, second) = (player.save()?, player.save()?);
                let remedy = "let `save` change nothing, and write what it saves in one order (no hash map)";
                if first != second {
                    let failure = Failure::new("two calls of `save` in a row answer otherwise", remedy);
                    return Err(failure.at(format!("step {}", expected.step())).with_diff(hex(&first), hex(&second)).into());
                }
                largest = largest.max(first.len());
                let found = player.step(size)?;
                let problem = "a policy that is saved plans otherwise than one that is not";
                same(std::slice::from_ref(expected), std::slice::from_ref(&found), problem)?;
            }
            Ok(())
        };
        inner().map_err(|stop| at(stop, &stage, ""))?;
        tried.push(stage.samples);
    }
    Ok(format!("{STEPS} steps over {} samples, at most {largest} bytes saved", sizes(&tried)))
}

/// Fuel and memory of the worst step.
pub(super) fn budget(bench: &Bench<'_>) -> Checked {
    let plugin = bench.policy()?;
    let (mut worst, mut memory) = ((0, 0, 0, 0), 0);
    for stage in stages(bench, u64::MAX)? {
        let (steps, _) = extent(&stage);
        for size in [32, 1024] {
            let mut player = stage.start(&plugin, None)?;
            for step in 0..steps {
                bench.breathe()?;
                let ended = player.step(size).map_err(|error| at(error.into(), &stage, ""))?.is_end();
                worst = worst.max((player.fuel(), step, size, stage.samples));
                memory = memory.max(player.memory());
                if ended {
                    break;
                }
            }
        }
    }
    let limits = &bench.setting.limits;
    let (fuel, step, size, samples) = worst;
    Ok(format!(
        "worst is step {step} of {}, a batch of {size}: fuel {} ({} of its limit); memory {} ({})",
        of_samples(samples),
        words::number(fuel),
        words::percent(fuel, limits.fuel),
        words::bytes(memory),
        words::percent(memory, limits.memory),
    ))
}

/// Steps and batch size that are tried on a dataset.
fn extent(stage: &Stage) -> (u64, u32) {
    if stage.samples > QUICK { (FEW_STEPS, 1024) } else { (STEPS, 32) }
}

/// With the data, in the place and in the command that shows it again.
fn at(stop: Stop, stage: &Stage, place: &str) -> Stop {
    let place = if place.is_empty() { of_samples(stage.samples) } else { place.to_owned() };
    stop.at(&place).again(&format!(" --samples {}", shell_word(&stage.samples.to_string())))
}

/// Holds plans to those that were expected; the first step that differs is told, with those around it.
pub(super) fn same(expected: &[Answer], found: &[Answer], problem: &str) -> Result<(), Stop> {
    let Some(place) = (0..expected.len().max(found.len())).find(|i| expected.get(*i) != found.get(*i)) else { return Ok(()) };
    let step = expected.get(place).or(found.get(place)).map_or(0, Answer::step);
    let lines = |plans: &[Answer]| plans.iter().skip(place.saturating_sub(1)).take(3).map(|plan| format!("{plan}\n")).collect::<String>();
    let remedy = "plan from the step, the streams and what `save` gives alone; remember the rest there (world stateful-policy-plugin)";
    Err(Failure::new(problem, remedy).at(format!("step {step}")).with_diff(lines(expected), lines(found)).into())
}

fn hex(bytes: &[u8]) -> String {
    format!("{} bytes: {}", bytes.len(), curricle::hex(bytes.get(..64).unwrap_or(bytes)))
}
