//! The tasks: each a few runs of cargo.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::setup;

/// The repository.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

fn target() -> PathBuf {
    root().join("target")
}

/// Runs a program in a folder of the repository; its output is the user's.
fn run(what: &str, folder: &str, command: &mut Command) -> Result<()> {
    eprintln!("==> {what}");
    let status = command.current_dir(root().join(folder)).status();
    let status = status.with_context(|| format!("cannot start `{}`", command.get_program().to_string_lossy()))?;
    if !status.success() {
        bail!("{what}: failed; its messages are above");
    }
    Ok(())
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments);
    // Tests and demo take the plugins of this checkout, and leave the user's cache alone.
    cargo.env("CURRICLE_PLUGINS", target().join("plugins")).env("CURRICLE_CACHE", target().join("cache"));
    cargo
}

/// Builds the plugins; cargo knows whether there is anything to do.
pub(crate) fn plugins() -> Result<()> {
    setup::run()?;
    run(
        "building the plugins",
        "",
        &mut cargo(&["run", "--quiet", "--package", "curricle-cli", "--", "build", "plugins", "--out", "target/plugins"]),
    )
}

pub(crate) fn demo(arguments: &[&str]) -> Result<()> {
    plugins()?;
    let mut demo = cargo(&["run", "--quiet", "--package", "curricle-cli", "--", "demo"]);
    run("running the demo", "", demo.args(arguments))
}

pub(crate) fn test(soak: bool, filter: Option<&str>) -> Result<()> {
    plugins()?;
    let mut host = cargo(&["test", "--workspace"]);
    if soak {
        host.env("CURRICLE_SOAK", "1");
    }
    run("testing the workspace", "", host.args(filter))?;
    // Apart from the guest builds: two targets and perhaps two compilers in one folder would build everything twice.
    let mut native = cargo(&["test", "--target-dir", "target/native"]);
    run("testing the plugins, natively", "plugins", native.args(filter))
}

pub(crate) fn ci() -> Result<()> {
    for folder in ["", "plugins"] {
        let place = if folder.is_empty() { "the workspace" } else { "the plugins" };
        run(&format!("formatting of {place}"), folder, &mut cargo(&["fmt", "--all", "--check"]))?;
    }
    run("lints of the workspace", "", &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let lints = ["clippy", "--all-targets", "--target-dir", "target/native", "--", "-D", "warnings"];
    run("lints of the plugins", "plugins", &mut cargo(&lints))?;
    test(false, None)
}
