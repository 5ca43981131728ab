//! What an analysis or a merging came to, in a few lines or as JSON.

use anyhow::Result;
use curricle::analysis::{Outcome, Report};
use serde_json::{Value, json};

use crate::terminal::say;

/// Prints it for a person.
pub(crate) fn print(name: &str, report: &Report) -> Result<()> {
    match &report.outcome {
        Outcome::Column(column) => {
            say(format_args!("{name}: {}", column.path().display()))?;
            let (min, median, max) = (column.min(), column.quantile(0.5)?, column.max());
            say(format_args!("  {} samples, from {min} over a median of {median} to {max}", column.len()))?;
        }
        Outcome::Totals(totals) => {
            say(format_args!("{name}: {}", totals.path().display()))?;
            say(format_args!("  {} totals, {} in sum", totals.values().len(), totals.values().iter().sum::<f64>()))?;
        }
        Outcome::Part(done) => {
            say(format_args!("{name}: {}", done.path.display()))?;
            let what = match done.samples {
                0 => "has no samples: the dataset has fewer blocks than there are parts".to_owned(),
                n => format!("has {n} samples"),
            };
            say(format_args!("  part {} {what}; round {} of {}", done.part, done.round, done.rounds))?;
        }
        Outcome::Pass { pass, rounds } => {
            let done = if report.made { "is merged" } else { "was merged before" };
            let next = format!("run the parts again for round {} of {rounds}, with `pass-{pass}.merged` beside them", pass + 1);
            return say(format_args!("{name}: pass {pass} {done}; {next}"));
        }
    }
    let threads = match report.threads {
        1 => "1 thread".to_owned(),
        n => format!("{n} threads"),
    };
    let seconds = report.elapsed.as_secs_f64();
    match (report.made, report.tokens) {
        (false, _) => say(format_args!("  up to date")),
        (true, 0) => say(format_args!("  {seconds:.1} s with {threads}")),
        (true, tokens) => {
            let continued = if report.continued { ", going on from an earlier run" } else { "" };
            say(format_args!("  {seconds:.1} s with {threads}, {}{continued}", rate(tokens as f64 / seconds.max(1e-9))))
        }
    }
}

/// The same for a program.
pub(crate) fn json(name: &str, report: &Report) -> Result<Value> {
    let seconds = report.elapsed.as_secs_f64();
    let mut facts = json!({
        "name": name,
        "made": report.made,
        "continued": report.continued,
        "threads": report.threads,
        "tokens": report.tokens,
        "seconds": seconds,
        "tokens_per_second": report.tokens as f64 / seconds.max(1e-9),
    });
    let more = match &report.outcome {
        Outcome::Column(column) => json!({
            "outcome": "column",
            "path": column.path().display().to_string(),
            "samples": column.len(),
            "value_type": column.value_type().to_string(),
            "min": column.min(),
            "median": column.quantile(0.5)?,
            "max": column.max(),
        }),
        Outcome::Totals(totals) => json!({
            "outcome": "totals",
            "path": totals.path().display().to_string(),
            "totals": totals.values().len(),
            "sum": totals.values().iter().sum::<f64>(),
        }),
        Outcome::Part(done) => json!({
            "outcome": "part",
            "path": done.path.display().to_string(),
            "part": done.part.number(),
            "parts": done.part.of(),
            "round": done.round,
            "rounds": done.rounds,
            "samples": done.samples,
        }),
        Outcome::Pass { pass, rounds } => json!({ "outcome": "pass", "pass": pass, "rounds": rounds }),
    };
    if let (Value::Object(facts), Value::Object(more)) = (&mut facts, more) {
        facts.extend(more);
    }
    Ok(facts)
}

/// Tokens per second in a unit that fits.
pub(crate) fn rate(tokens_per_second: f64) -> String {
    match tokens_per_second {
        n if n >= 1e9 => format!("{:.1} G tokens/s", n / 1e9),
        n if n >= 1e6 => format!("{:.1} M tokens/s", n / 1e6),
        n => format!("{:.1} k tokens/s", n / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_shown_in_a_unit_that_fits() {
        assert_eq!([2.5e9, 3e6, 120.0].map(rate), ["2.5 G tokens/s", "3.0 M tokens/s", "0.1 k tokens/s"]);
    }
}
