//! Policies: exact sizes, the same plans again, and nothing remembered but what is saved.

mod checks;
mod player;
mod stage;

use curricle::plugin::PolicyPlugin;
use serde_json::Value;

use self::checks::same;
pub(crate) use self::stage::Stage;
use super::{CheckFn, QUICK, Stop, bench::Bench, configs};
use crate::answer::Answer;

/// Steps of a run over a small dataset, and over a large one.
const STEPS: u64 = 48;
const FEW_STEPS: u64 = 8;

pub(super) fn checks(stateful: bool) -> Vec<(&'static str, CheckFn)> {
    let mut checks: Vec<(&'static str, CheckFn)> = vec![
        ("empty-dataset", checks::empty_dataset),
        ("exact-sizes", checks::exact_sizes),
        ("same-answers", checks::same_answers),
        ("another-process", |bench| configs::another_process(bench, answers(bench))),
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

/// Whether a small dataset is enough for it: all steps of a run, in batches of the sizes that the checks ask for.
pub(super) fn works(bench: &Bench<'_>, stage: &Stage, plugin: &PolicyPlugin) -> Result<(), Stop> {
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
