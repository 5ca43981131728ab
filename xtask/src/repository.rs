//! Programs run in the repository.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The repository.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// Runs a program in a folder of the repository; its output is the user's.
pub(crate) fn run(what: &str, folder: &str, command: &mut Command) -> Result<()> {
    eprintln!("==> {what}");
    let status = command.current_dir(root().join(folder)).status();
    let status = status.with_context(|| format!("cannot start `{}`", command.get_program().to_string_lossy()))?;
    if !status.success() {
        bail!("{what}: failed; its messages are above");
    }
    Ok(())
}
