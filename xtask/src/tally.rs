//! How many tests ran.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::repository::root;

/// Tests that ran, over all of cargo's runs.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Runs tests, and counts them from what the runner prints, which is the user's to see.
    pub(crate) fn run(&mut self, what: &str, folder: &str, command: &mut Command) -> Result<()> {
        eprintln!("==> {what}");
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child =
            command.current_dir(root().join(folder)).stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{name}`"))?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines() {
                let line = line.with_context(|| format!("cannot read what `{name}` prints"))?;
                println!("{line}");
                self.count(&line);
            }
        }
        if !child.wait().with_context(|| format!("cannot wait for `{name}`"))?.success() {
            bail!("{what}: failed; its messages are above");
        }
        Ok(())
    }

    /// Counts a line such as `12 passed, 1 skipped in 3.21s` of pytest, or `1 failed, 12 passed in …`.
    pub(crate) fn count_pytest(&mut self, line: &str) {
        let Some((counts, _)) = line.trim_matches(['=', ' ']).rsplit_once(" in ") else { return };
        for part in counts.split(", ") {
            match part.split_once(' ') {
                Some((n, "passed")) => self.passed += n.parse::<u64>().unwrap_or(0),
                Some((n, "failed" | "error" | "errors")) => self.failed += n.parse::<u64>().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// Counts a line such as `test result: ok. 12 passed; 0 failed; …`.
    fn count(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else { return };
        for part in counts.split(';') {
            match part.trim().split_once(' ') {
                Some((n, "passed")) => self.passed += n.parse::<u64>().unwrap_or(0),
                Some((n, "failed")) => self.failed += n.parse::<u64>().unwrap_or(0),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runners_summary_is_counted() {
        let mut tally = Tally::default();
        tally.count("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.31s");
        tally.count("test result: FAILED. 3 passed; 2 failed; 0 ignored");
        tally.count("running 3 tests");
        assert_eq!((tally.passed, tally.failed), (15, 2));
        tally.count_pytest("1 failed, 12 passed, 3 skipped in 4.56s");
        tally.count_pytest("tests/test_loader.py::test_that_numbers_are_in_order");
        assert_eq!((tally.passed, tally.failed), (27, 3));
    }
}
