//! Pacing functions: the same step has the same difficulty, and every step has one.

use curricle::plugin::Pacing;
use serde_json::Value;

use super::{CheckFn, Checked, Stop, bench::Bench, elsewhere::another_process};
use crate::{Failure, words};

/// Steps that are asked one by one.
const STEPS: u64 = 1000;
/// Steps at which numbers overflow or round.
const FAR: [u64; 12] =
    [0, 1, 1_000_000, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 53, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, u64::MAX];

pub(super) fn checks() -> Vec<(&'static str, CheckFn)> {
    vec![
        ("same-answers", same_answers),
        ("another-process", |bench| another_process(bench, answers(bench))),
        ("any-order", any_order),
        ("far-steps", far_steps),
        ("budget", budget),
    ]
}

/// Near and far steps with a configuration.
pub(super) fn try_out(bench: &Bench<'_>, config: &Value) -> Result<(), Stop> {
    let plugin = bench.pacing_with(config)?;
    let (mut one, mut other) = (plugin.instantiate()?, plugin.instantiate()?);
    for step in (0..32).chain(FAR) {
        same(step, one.difficulty(step)?, other.difficulty(step)?, "a second instance answers otherwise than the first")?;
    }
    Ok(())
}

/// Difficulties, a line each.
pub(super) fn answers(bench: &Bench<'_>) -> Result<String, Stop> {
    let mut pacing = start(bench)?;
    let mut lines = String::new();
    for step in (0..STEPS).chain(FAR) {
        lines.push_str(&line(step, pacing.difficulty(step)?));
    }
    Ok(lines)
}

fn start(bench: &Bench<'_>) -> Result<Pacing, Stop> {
    Ok(bench.pacing_with(bench.config())?.instantiate()?)
}

fn same_answers(bench: &Bench<'_>) -> Checked {
    let (mut one, mut other) = (start(bench)?, start(bench)?);
    for step in 0..STEPS {
        same(step, one.difficulty(step)?, other.difficulty(step)?, "a second instance answers otherwise than the first")?;
    }
    Ok(format!("{} steps", words::number(STEPS)))
}

/// Backwards, again, and as the first question of an instance.
fn any_order(bench: &Bench<'_>) -> Checked {
    let mut forward = start(bench)?;
    let expected: Vec<f64> = (0..STEPS).map(|step| forward.difficulty(step)).collect::<Result<_, _>>()?;
    let mut backward = start(bench)?;
    for (step, expected) in (0..STEPS).rev().zip(expected.iter().rev()) {
        same(step, *expected, backward.difficulty(step)?, "asked backwards it answers otherwise than forwards")?;
    }
    for (step, expected) in (0..STEPS).zip(&expected) {
        same(step, *expected, forward.difficulty(step)?, "asked a second time it answers otherwise than the first")?;
    }
    for (step, expected) in (0..STEPS).zip(&expected).step_by(97) {
        bench.breathe()?;
        same(step, *expected, start(bench)?.difficulty(step)?, "asked nothing before it answers otherwise than after other steps")?;
    }
    Ok(format!("{} steps forwards, backwards, twice and alone", words::number(STEPS)))
}

fn far_steps(bench: &Bench<'_>) -> Checked {
    let mut pacing = start(bench)?;
    let mut last = 0.0;
    for step in FAR {
        let place = format!("step {step}");
        last = pacing.difficulty(step).map_err(|error| Stop::from(error).at(&place))?;
        same(step, last, pacing.difficulty(step)?, "asked twice it answers otherwise")?;
    }
    Ok(format!("{} steps up to {}; difficulty {last} at the last", FAR.len(), u64::MAX))
}

fn budget(bench: &Bench<'_>) -> Checked {
    let mut pacing = start(bench)?;
    let mut worst = (0, 0);
    for step in (0..STEPS).chain(FAR) {
        pacing.difficulty(step)?;
        worst = worst.max((pacing.spent().fuel, step));
    }
    let (limits, memory) = (&bench.setting.limits, pacing.spent().memory);
    Ok(format!(
        "worst is step {}: fuel {} ({} of its limit); memory {} ({})",
        worst.1,
        words::number(worst.0),
        words::percent(worst.0, limits.fuel),
        words::bytes(memory),
        words::percent(memory, limits.memory)
    ))
}

fn same(step: u64, expected: f64, found: f64, problem: &str) -> Result<(), Stop> {
    if expected.to_bits() == found.to_bits() {
        return Ok(());
    }
    let failure = Failure::new(problem, "let the difficulty follow from the step and the configuration alone");
    Err(failure.at(format!("step {step}")).with_diff(line(step, expected), line(step, found)).into())
}

fn line(step: u64, difficulty: f64) -> String {
    format!("step {step}: {difficulty} (bits {:x})\n", difficulty.to_bits())
}
