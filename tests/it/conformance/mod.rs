//! `curricle test`: what passes, what is found, and how it is told.

mod builtin;
mod command;
mod faulty;
mod pytest;
mod scenarios;

use std::path::Path;

use curricle_harness::{Outcome, Report};

/// The failures of a report as they are told, with the plugin's path left out.
fn told(report: &Report, path: &Path) -> String {
    let failed = report.checks.iter().filter(|check| matches!(check.outcome, Outcome::Failed(_)));
    let text = failed.map(|check| format!("{check}\n")).collect::<String>();
    text.replace(&path.display().to_string(), "FILE")
}

/// Names of the checks that failed.
fn failed(report: &Report) -> Vec<&str> {
    report.checks.iter().filter(|check| matches!(check.outcome, Outcome::Failed(_))).map(|check| check.name.as_str()).collect()
}
