//! Python packages that benchmarks need, each set in a virtual environment under `target/bench`.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::data;

/// The Python of an environment with these packages, installed in this order and with these variables; it is made once.
///
/// # Errors
/// Of Python or its installer.
pub fn python(name: &str, packages: &[&[&str]], variables: &[(&str, &str)]) -> Result<PathBuf> {
    let folder = data::folder()?;
    let venv = folder.join(format!("{name}-venv"));
    let python = venv.join("bin/python");
    let lock = File::create(folder.join(format!("{name}-venv.lock")))?;
    lock.lock()?;
    let stamp = venv.join("stamp");
    let wanted = format!("{packages:?}\n");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        eprintln!("==> installing {name} into {}, once", venv.display());
        if venv.exists() {
            fs::remove_dir_all(&venv)?;
        }
        output(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        for packages in packages {
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check"]).args(*packages);
            output(pip.envs(variables.iter().copied()))?;
        }
        fs::write(&stamp, wanted)?;
    }
    Ok(python)
}

/// What a program prints, which must succeed.
///
/// # Errors
/// What it prints besides, if it does not.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}; it needs python3"))?;
    ensure!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}
