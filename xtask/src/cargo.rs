//! Cargo, and what it built.

use std::{env, ffi::OsString, process::Command};

use crate::{repository::target, setup};

/// Cargo, with the places of this checkout.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    // What cargo says to this program of its package would reach build scripts, which then run again whenever somebody calls cargo himself.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PKG_")) {
        cargo.env_remove(name);
    }
    cargo.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH").args(arguments).envs(places());
    cargo
}

/// Tests and demo take the plugins, the command and the compilers of this checkout, and leave the user's cache alone.
pub(crate) fn places() -> [(&'static str, OsString); 5] {
    let target = target();
    [
        ("CURRICLE_PLUGINS", target.join("plugins").into()),
        ("CURRICLE_HOSTILE", target.join("hostile").into()),
        ("CURRICLE_CACHE", target.join("cache").into()),
        ("CURRICLE_BIN", target.join("debug").join("curricle").into()),
        ("CURRICLE_TOOLS", setup::tools()),
    ]
}

/// The command that was built.
pub(crate) fn curricle() -> Command {
    let mut command = Command::new(target().join("debug").join("curricle"));
    command.envs(places());
    command
}
