//! A pacing function at the steps that the scenario names.

use curricle::plugin::PacingPlugin;

use super::{Scenario, snapshot::done};
use crate::{subject::Subject, suite::Checked};

/// Steps that are looked at, if the scenario does not say.
const STEPS: u64 = 1000;

pub(super) fn run(scenario: &Scenario, subject: &Subject) -> Checked {
    let (file, expect) = (&scenario.file, &scenario.file.expect);
    let limits = file.limits.clone().unwrap_or_else(|| subject.limits());
    let mut pacing = PacingPlugin::load(&subject.name, &subject.path, &scenario.config, &limits)?.instantiate()?;
    let tolerance = expect.tolerance.unwrap_or(0.0);
    if let Some(wanted) = &expect.difficulty {
        for (step, expected) in wanted.get_ref() {
            let found = pacing.difficulty(*step)?;
            let near = (found - expected).abs() <= tolerance;
            if !near {
                let line = |difficulty: f64| format!("step {step}: {difficulty}");
                return Err(scenario.spot(wanted.span()).fails("a difficulty is another", line(*expected), line(found)));
            }
        }
    }
    let steps = file.steps.unwrap_or(STEPS);
    if let Some(flag) = expect.never_falls.as_ref().filter(|flag| *flag.get_ref()) {
        let mut last = pacing.difficulty(0)?;
        for step in 1..steps {
            scenario.breathe()?;
            let found = pacing.difficulty(step)?;
            if found < last {
                let expected = format!("step {step}: at least {last}");
                return Err(scenario.spot(flag.span()).fails("it falls", expected, format!("step {step}: {found}")));
            }
            last = found;
        }
    }
    let mut first = Vec::new();
    if let Some(n) = &expect.snapshot {
        for step in 0..*n.get_ref() {
            scenario.breathe()?;
            first.push(pacing.difficulty(step)?);
        }
    }
    let snapshot = scenario
        .compare_snapshot(|_| first.iter().enumerate().map(|(step, difficulty)| format!("step {step}: {difficulty}\n")).collect())?;
    // Without any expectation it is at least asked.
    let at_last = pacing.difficulty(steps)?;
    Ok(done(format!("difficulty {at_last} at step {steps}"), snapshot))
}
