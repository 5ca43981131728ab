//! Debian's packages.

use std::{path::Path, process::Command};

use super::{print, succeeds};

/// Whether this machine has Debian's installer.
pub(super) fn is_here() -> bool {
    Path::new("/usr/bin/apt-get").exists()
}

/// Whether these packages are installed, as far as Debian knows.
pub(super) fn has(packages: &[&str]) -> bool {
    let status = print(Command::new("dpkg-query").args(["--show", "--showformat", "${db:Status-Status}\n"]).args(packages));
    status.is_some_and(|status| status.lines().count() == packages.len() && status.lines().all(|line| line == "installed"))
}

/// Installs packages, if this user may.
pub(super) fn install(packages: &[&str]) -> bool {
    let packages = [&["install", "-y", "--no-install-recommends"][..], packages].concat();
    // A fresh machine has no lists of packages yet.
    apt(&packages) || (update() && apt(&packages))
}

/// Fetches the lists of packages, if this user may.
pub(super) fn update() -> bool {
    apt(&["update"])
}

/// Runs the installer as root, or by a sudo that asks for no password.
fn apt(arguments: &[&str]) -> bool {
    let root = print(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    let mut command = if root { Command::new("apt-get") } else { Command::new("sudo") };
    if !root {
        command.args(["-n", "apt-get"]);
    }
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    succeeds(&mut command)
}
