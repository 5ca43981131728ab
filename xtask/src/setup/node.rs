//! What makes components of JavaScript, as packages of Node.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{apt, print};
use crate::repository::{root, target};

/// Releases of Node before this one lack what componentize-js is written in.
const OLDEST: u32 = 20;

/// Installs what `xtask/tools/package-lock.json` says, unless that is what is there.
pub(super) fn run() -> Result<()> {
    node()?;
    let from = root().join("xtask").join("tools");
    let folder = target().join("tools").join("node");
    let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()));
    let wanted = read(&from.join("package-lock.json"))?;
    let stamp = folder.join("installed.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("==> installing componentize-js and typescript into {}", folder.display());
    fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    for (name, text) in [("package.json", read(&from.join("package.json"))?), ("package-lock.json", wanted.clone())] {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).stdin(Stdio::null());
    let output = npm.output().context("cannot start `npm`; install Node with its package manager")?;
    if !output.status.success() {
        bail!("`npm ci` failed:\n{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))
}

/// Sees to it that Node is there.
fn node() -> Result<()> {
    if version().is_some_and(|version| version >= OLDEST) {
        return Ok(());
    }
    if version().is_none() && apt::is_here() {
        eprintln!("==> installing nodejs, npm");
        if apt::install(&["nodejs", "npm"]) && version().is_some_and(|version| version >= OLDEST) {
            return Ok(());
        }
    }
    bail!("Node {OLDEST} or later is missing, which makes components of JavaScript; nodejs.org has it");
}

/// The major version: 20 of `v20.11.1`.
fn version() -> Option<u32> {
    let text = print(Command::new("node").arg("--version"))?;
    text.strip_prefix('v')?.split('.').next()?.parse().ok()
}
