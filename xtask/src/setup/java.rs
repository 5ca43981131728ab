//! A Java runtime, which Spark runs in.

use std::process::Command;

use anyhow::{Result, bail};

use super::{apt, succeeds};

/// Sees to one that tests of the Python package can start.
pub(super) fn run() -> Result<()> {
    if is_here() {
        return Ok(());
    }
    eprintln!("==> installing a Java runtime");
    if apt::is_here() && apt::install(&["default-jre-headless"]) && is_here() {
        return Ok(());
    }
    bail!("Spark needs a Java runtime, 17 or later; install one (Debian: `apt-get install default-jre-headless`)");
}

fn is_here() -> bool {
    succeeds(Command::new("java").arg("-version"))
}
