//! Policies: exact sizes, the same plans again, and nothing remembered but what is saved.

mod checks;

use std::rc::Rc;

use curricle::plugin::PolicyPlugin;
use serde_json::Value;

use self::checks::same;
use super::{CheckFn, QUICK, Stop, bench::Bench, elsewhere::another_process, stage::Stage, stop::is_refusal};
use crate::answer::Answer;

/// Steps of a run over a small dataset, and over a large one.
const STEPS: u64 = 48;
const FEW_STEPS: u64 = 8;

pub(super) fn checks(stateful: bool) -> Vec<(&'static str, CheckFn)> {
    let mut checks: Vec<(&'static str, CheckFn)> = vec![
        ("empty-dataset", checks::empty_dataset),
        ("exact-sizes", checks::exact_sizes),
        ("same-answers", checks::same_answers),
        ("another-process", |bench| another_process(bench, answers(bench))),
        ("restored-at-every-step", checks::restored_at_every_step),
        ("no-hidden-state", checks::no_hidden_state),
    ];
    if stateful {
        checks.push(("save-changes-nothing", checks::save_changes_nothing));
    }
    checks.push(("budget", checks::budget));
    checks
}

/// A short run with a configuration, twice.
pub(super) fn try_out(bench: &Bench<'_>, config: &Value) -> Result<(), Stop> {
    let plugin = bench.policy_with(config)?;
    let stage = bench.stage(QUICK)?;
    let first = run(bench, &stage, &plugin, 6, 8)?;
    same(&first, &run(bench, &stage, &plugin, 6, 8)?, "a second instance plans otherwise than the first")
}

/// The data of up to so many samples on which the policy works. On less than usual it may say that it needs more.
fn stages(bench: &Bench<'_>, most: u64) -> Result<Vec<Rc<Stage>>, Stop> {
    let plugin = bench.policy()?;
    let (mut found, mut tried) = (Vec::new(), false);
    for &n in bench.sizes.iter().filter(|n| (1..=most).contains(*n)) {
        bench.breathe()?;
        let stage = bench.stage(n)?;
        tried = true;
        match works(bench, &stage, &plugin) {
            Err(Stop::Error(error)) if n < QUICK && is_refusal(&error) => continue,
            // What else goes wrong is for the check to tell.
            _ => found.push(stage),
        }
    }
    if found.is_empty() {
        let reason = if tried { "it refuses data of these sizes" } else { "it is not made on so many samples" };
        return Err(Stop::Skipped(reason.into()));
    }
    Ok(found)
}

/// Whether a small dataset is enough for it: all steps of a run, in batches of the sizes that the checks ask for.
fn works(bench: &Bench<'_>, stage: &Stage, plugin: &PolicyPlugin) -> Result<(), Stop> {
    if stage.samples < QUICK {
        for size in [1, 32] {
            run(bench, stage, plugin, STEPS, size)?;
        }
    }
    Ok(())
}

/// Plans of a run, a line each.
pub(super) fn answers(bench: &Bench<'_>) -> Result<String, Stop> {
    let plugin = bench.policy()?;
    let plans = run(bench, &*bench.stage(QUICK)?, &plugin, STEPS, 32)?;
    Ok(plans.iter().map(|plan| format!("{plan}\n")).collect())
}

/// Plans from step 0 on, of an instance that is never saved.
fn run(bench: &Bench<'_>, stage: &Stage, plugin: &PolicyPlugin, steps: u64, size: u32) -> Result<Vec<Answer>, Stop> {
    let mut player = stage.start(plugin, None)?;
    let mut plans = Vec::new();
    for _ in 0..steps {
        bench.breathe()?;
        let plan = player.step(size)?;
        let ended = plan.is_end();
        plans.push(plan);
        if ended {
            break;
        }
    }
    Ok(plans)
}
