//! A browser, for the tests of pages.

use std::process::Command;

use anyhow::{Result, bail};

use super::{apt, succeeds};

const BROWSER: &str = "chromium";

pub(super) fn run() -> Result<()> {
    let there = || succeeds(Command::new(BROWSER).arg("--version"));
    if there() {
        return Ok(());
    }
    if apt::is_here() {
        eprintln!("==> installing {BROWSER}");
        if apt::install(&[BROWSER]) && there() {
            return Ok(());
        }
    }
    bail!("`{BROWSER}` is not there, which tests open pages in; install it, on Debian with `apt-get install {BROWSER}`");
}
