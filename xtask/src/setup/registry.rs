//! An OCI registry for the tests: the distribution's package, unpacked and not installed, so that no service begins and no right is needed.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::{apt, succeeds};
use crate::repository::target;

const PACKAGE: &str = "docker-registry";

/// Sees to it that the tests have a registry to start.
pub(crate) fn run() -> Result<()> {
    let folder = target().join("tools").join("registry");
    if folder.join("usr/bin/docker-registry").is_file() {
        return Ok(());
    }
    eprintln!("==> unpacking {PACKAGE}");
    let package = target().join("tools").join("packages");
    fs::create_dir_all(&package).with_context(|| format!("cannot create `{}`", package.display()))?;
    let download = || succeeds(Command::new("apt-get").args(["-o", "APT::Sandbox::User=root", "download", PACKAGE]).current_dir(&package));
    // A fresh machine has no lists of packages yet.
    if !(download() || apt::update() && download()) {
        bail!(
            "cannot get the package {PACKAGE} (Debian, Ubuntu), which the tests of `push` and `pull` start; `apt-get download docker-registry` says why"
        );
    }
    let file = fs::read_dir(&package)
        .with_context(|| format!("cannot read `{}`", package.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PACKAGE)))
        .with_context(|| format!("`{}` holds no package {PACKAGE}", package.display()))?;
    unpack(&file, &folder)
}

/// Unpacks beside the place, and then takes it: a folder that is there is whole.
fn unpack(package: &Path, folder: &Path) -> Result<()> {
    let part = folder.with_extension("part");
    drop(fs::remove_dir_all(&part));
    if !succeeds(Command::new("dpkg-deb").arg("-x").arg(package).arg(&part)) {
        bail!("cannot unpack `{}`", package.display());
    }
    drop(fs::remove_dir_all(folder));
    fs::rename(&part, folder).with_context(|| format!("cannot rename `{}`", part.display()))
}
