//! The same questions in two processes.

use curricle::Error;

use super::{Checked, Stop, bench::Bench};
use crate::{Failure, words};

/// Compares with the answers of another process.
pub(super) fn another_process(bench: &Bench<'_>, here: Result<String, Stop>) -> Checked {
    let Some(ask) = bench.elsewhere else { return Err(Stop::Skipped("`curricle test` asks another process".into())) };
    let here = here?;
    let there = ask(bench.config()).map_err(Error::io("ask another process for", &bench.subject.path))?;
    if here != there {
        let failure = Failure::new("another process was answered otherwise", "look for what an answer depends on besides the question");
        return Err(failure.with_diff(here, there).into());
    }
    Ok(format!("{} answers", words::number(here.lines().count() as u64)))
}
