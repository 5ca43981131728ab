//! What plugins of every language and the tests need. What is there is left alone, so this is quick when nothing is missing.

mod apt;
mod browser;
mod clang;
mod java;
mod node;
mod python;
mod registry;
mod rust;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Result;

use crate::repository::target;

/// Sees to it that plugins in Rust can be built, the built-in ones among them.
pub(crate) fn rust() -> Result<()> {
    rust::run()
}

/// Sees to it that plugins in every language can be built.
pub(crate) fn run() -> Result<()> {
    rust()?;
    clang::run()?;
    python::run()?;
    node::run()?;
    registry::run()
}

/// The Python of the environment `target/tools/NAME`, which has what a file of requirements says.
pub(crate) fn environment(name: &str, requirements: &Path) -> Result<PathBuf> {
    python::environment(name, requirements)
}

/// Sees to a Java runtime, which only tests of the Python package need.
pub(crate) fn java() -> Result<()> {
    java::run()
}

/// Sees to a browser, which only tests need.
pub(crate) fn browser() -> Result<()> {
    browser::run()
}

/// Folders in which `curricle build` looks for compilers before it looks elsewhere, as a list of paths.
pub(crate) fn tools() -> OsString {
    let tools = target().join("tools");
    let folders = [tools.join("python").join("bin"), tools.join("node").join("node_modules").join(".bin")];
    // Folders whose name holds the separator cannot be in a list at all.
    std::env::join_paths(folders).unwrap_or_default()
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What a program prints, without the end of the line, if it succeeds.
fn print(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
