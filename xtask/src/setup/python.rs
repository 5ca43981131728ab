//! Compilers that come as packages of Python, in a virtual environment of their own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::repository::{root, target};

/// Installs what `xtask/tools/requirements.txt` says, unless that is what is there.
pub(super) fn run() -> Result<()> {
    environment("python", &root().join("xtask").join("tools").join("requirements.txt")).map(drop)
}

/// The Python of the environment `target/tools/NAME`, which has what a file of requirements says.
pub(super) fn environment(name: &str, requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read_to_string(requirements).with_context(|| format!("cannot read `{}`", requirements.display()))?;
    let folder = target().join("tools").join(name);
    let (stamp, python) = (folder.join("installed.txt"), folder.join("bin").join("python"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let names: Vec<&str> = wanted.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    match names.as_slice() {
        names if names.len() <= 10 => eprintln!("==> installing {} into {}", names.join(", "), folder.display()),
        names => eprintln!("==> installing {} packages of Python into {}", names.len(), folder.display()),
    }
    quiet(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    quiet(Command::new(&python).args(pip).arg(requirements))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    Ok(python)
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
