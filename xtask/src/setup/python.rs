//! Compilers that come as packages of Python, in a virtual environment of their own.

use std::{
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::tasks;

/// Installs what `xtask/tools/requirements.txt` says, unless that is what is there.
pub(super) fn run() -> Result<()> {
    let requirements = tasks::root().join("xtask").join("tools").join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("cannot read `{}`", requirements.display()))?;
    let folder = tasks::target().join("tools").join("python");
    let stamp = folder.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let names: Vec<&str> = wanted.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    eprintln!("==> installing {} into {}", names.join(", "), folder.display());
    quiet(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    quiet(Command::new(folder.join("bin").join("python")).args(pip).arg(&requirements))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))
}

/// Runs a program whose output matters only where it fails.
fn quiet(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{name}`; install Python 3 with its `venv`"))?;
    if !output.status.success() {
        bail!("`{name}` failed:\n{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
