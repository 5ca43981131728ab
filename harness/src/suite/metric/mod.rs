//! Metrics: values that depend on the samples alone, and partial results that can be joined by anybody.

mod checks;
mod round;

use serde_json::Value;

use self::round::documents;
pub(crate) use self::round::{Found, Number, analyze, chunk};
use super::{CheckFn, Stop, bench::Bench, elsewhere::another_process};

/// Samples that are measured in memory.
const SAMPLES: usize = 240;

pub(super) fn checks() -> Vec<(&'static str, CheckFn)> {
    vec![
        ("same-answers", checks::same_answers),
        ("another-process", |bench| another_process(bench, answers(bench))),
        ("chunks", checks::chunks),
        ("token-widths", checks::token_widths),
        ("partials", checks::partials),
        ("merging", checks::merging),
        ("threads", checks::threads),
        ("budget", checks::budget),
    ]
}

/// An analysis with a configuration.
pub(super) fn try_out(bench: &Bench<'_>, config: &Value) -> Result<(), Stop> {
    let plugin = bench.metric_with(config)?;
    analyze(&plugin, &chunk(&documents(48), 2, 24)).map(drop)
}

/// What it finds, a line each.
pub(super) fn answers(bench: &Bench<'_>) -> Result<String, Stop> {
    let found: Found = analyze(&bench.metric_with(bench.config())?, &chunk(&documents(SAMPLES), 2, 50))?;
    Ok(found.lines().map(|line| format!("{line}\n")).collect())
}
