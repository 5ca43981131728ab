//! What came of testing a plugin, for people and programs.

use std::{fmt, time::Duration};

use curricle::printable;
use serde::Serialize;

/// What came of testing one plugin: a check after the other, in the order in which they were made.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The file, as it was named.
    pub file: String,
    /// What the plugin calls itself; empty if it could not be loaded.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// What it is for: `policy`, `stateful policy`, `metric`, `pacing function`, `packer`.
    pub kind: String,
    /// The checks and scenarios.
    pub checks: Vec<Check>,
}

/// One check of the conformance suite, or one scenario.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// `exact-sizes`; of a scenario `scenario NAME`.
    pub name: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Time that it took.
    #[serde(serialize_with = "as_seconds", rename = "seconds")]
    pub time: Duration,
}

/// What came of a check.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It holds.
    Passed {
        /// What was tried, in a few words.
        detail: String,
    },
    /// It does not hold.
    Failed(Box<Failure>),
    /// It does not apply.
    Skipped {
        /// Why not.
        reason: String,
    },
}

/// Why a check or a scenario failed, and how to see it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// What went wrong, in one sentence without full stop.
    pub problem: String,
    /// Where: a place in a scenario, or the data, step and configuration.
    pub place: String,
    /// What was expected and what was found: lines that begin with `-` and `+`, and lines of both with a blank.
    pub diff: String,
    /// What to do about it.
    pub remedy: String,
    /// The command that shows it again.
    pub reproduce: String,
}

impl Report {
    /// Whether every check passed or does not apply.
    pub fn is_ok(&self) -> bool {
        self.failed() == 0
    }

    /// Number of checks that failed.
    pub fn failed(&self) -> usize {
        self.checks.iter().filter(|check| matches!(check.outcome, Outcome::Failed(_))).count()
    }

    /// For a `#[test]`: passes if the report is good.
    ///
    /// # Panics
    /// With the whole report if a check failed.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.is_ok(), "\n{self}");
    }

    /// Appends what came of something else that was tried with the same plugin.
    pub fn append(&mut self, other: Report) {
        self.checks.extend(other.checks);
    }
}

impl Failure {
    /// A failure without anything to compare.
    pub(crate) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Failure {
        Failure { problem: problem.into(), remedy: remedy.into(), ..Failure::default() }
    }

    /// With lines that were expected and lines that were found instead.
    pub(crate) fn with_diff(self, expected: impl fmt::Display, found: impl fmt::Display) -> Failure {
        Failure { diff: crate::diff::lines(&expected.to_string(), &found.to_string()), ..self }
    }

    /// With a place, unless there is a nearer one already.
    pub(crate) fn at(mut self, place: impl Into<String>) -> Failure {
        let place = place.into();
        if self.place.is_empty() {
            self.place = place;
        } else if !place.is_empty() {
            self.place = format!("{place}, {}", self.place);
        }
        self
    }
}

impl fmt::Display for Report {
    /// A line for each check, and under those that failed why.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { file, plugin, version, kind, checks } = self;
        if plugin.is_empty() {
            writeln!(f, "{file}")?;
        } else {
            writeln!(f, "{plugin} {version}, a {kind} ({file})")?;
        }
        checks.iter().try_for_each(|check| writeln!(f, "{check}"))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Check { name, outcome, time } = self;
        let name = printable(name.clone());
        match outcome {
            Outcome::Passed { detail } => {
                write!(f, "  ok      {name:<24} {:>6.2} s  {}", time.as_secs_f64(), printable(detail.clone()))?;
            }
            Outcome::Skipped { reason } => write!(f, "  -       {name:<24}           {}", printable(reason.clone()))?,
            Outcome::Failed(failure) => write!(f, "  FAILED  {name}\n{failure}")?,
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { problem, place, diff, remedy, reproduce } = self;
        let mut lines = vec![problem.clone()];
        if !place.is_empty() {
            lines.push(format!("at {place}"));
        }
        lines.extend(diff.lines().map(|line| format!("  {line}")));
        if !remedy.is_empty() {
            lines.push(format!("mend: {remedy}"));
        }
        if !reproduce.is_empty() {
            lines.push(format!("again: {reproduce}"));
        }
        let lines: Vec<String> = lines.iter().flat_map(|line| line.lines()).map(|line| format!("          {line}")).collect();
        // Schemas and messages of plugins are in it.
        f.write_str(&printable(lines.join("\n")))
    }
}

fn as_seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
