//! The tasks: each a few runs of cargo.

use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{examples, setup, wheel};

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

/// Builds the workspace, and all plugins with it: the built-in ones, and the worked examples in every language.
pub(crate) fn plugins() -> Result<()> {
    setup::run()?;
    builtins()?;
    examples::build()
}

/// Builds the workspace and the built-in plugins; cargo knows whether there is anything to do.
pub(crate) fn builtins() -> Result<()> {
    setup::rust()?;
    // Always the same selection: another one would have other features of dependencies, and build them again.
    run("building the workspace", "", &mut cargo(&["build", "--workspace", "--all-targets"]))?;
    run("building the plugins", "", curricle().args(["build", "plugins", "--out", "target/plugins"]))
}

/// Builds the plugins that do wrong on purpose, apart from those that somebody may want to use.
fn hostile() -> Result<()> {
    let folders = ["policy", "metric", "packer", "pacing"].map(|world| format!("tests/hostile/evil-{world}"));
    run("building the hostile plugins", "", curricle().arg("build").args(folders).args(["--out", "target/hostile"]))?;
    examples::build_soak()
}

/// The command that was built.
pub(crate) fn curricle() -> Command {
    let mut command = Command::new(target().join("debug").join("curricle"));
    command.envs(places());
    command
}

pub(crate) fn demo(arguments: &[&str]) -> Result<()> {
    builtins()?;
    run("running the demo", "", curricle().arg("demo").args(arguments))
}

pub(crate) fn test(soak: bool, filter: Option<&str>) -> Result<()> {
    plugins()?;
    hostile()?;
    setup::browser()?;
    let mut tally = Tally::default();
    // Apart from the guest builds: two targets and perhaps two compilers in one folder would build everything twice.
    let mut native = cargo(&["test", "--target-dir", "../target/native"]);
    tally.run("testing the plugins, natively", "plugins", native.args(filter))?;
    let mut host = cargo(&["test", "--workspace", "--lib", "--bins", "--tests"]);
    if soak {
        host.env("CURRICLE_SOAK", "1");
    }
    tally.run("testing the workspace", "", host.args(filter))?;
    tally.run("testing the examples in the documentation", "", cargo(&["test", "--workspace", "--doc"]).args(filter))?;
    wheel::test(filter, &mut tally)?;
    if filter.is_none() && tally.passed == 0 {
        bail!("no test ran");
    }
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    Ok(())
}

/// Tests the Python package alone.
pub(crate) fn python(filter: Option<&str>) -> Result<()> {
    builtins()?;
    hostile()?;
    wheel::test(filter, &mut Tally::default())
}

/// Runs one of the programs in `tests/benches`.
pub(crate) fn bench(name: &str, filter: Option<&str>) -> Result<()> {
    plugins()?;
    let mut bench = cargo(&["bench", "--package", "curricle-tests", "--bench", name]);
    if name == "sandbox" {
        bench.args(["--features", "bare"]);
    }
    bench.arg("--");
    run("measuring", "", bench.args(filter))
}

pub(crate) fn ci() -> Result<()> {
    for folder in ["", "plugins"] {
        let place = if folder.is_empty() { "the workspace" } else { "the plugins" };
        run(&format!("formatting of {place}"), folder, &mut cargo(&["fmt", "--all", "--check"]))?;
    }
    run("lints of the workspace", "", &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let lints = ["clippy", "--workspace", "--all-targets", "--target-dir", "../target/native", "--", "-D", "warnings"];
    run("lints of the plugins", "plugins", &mut cargo(&lints))?;
    test(false, None)
}

/// Tests that ran, over all of cargo's runs.
#[derive(Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Runs tests, and counts them from what the runner prints, which is the user's to see.
    fn run(&mut self, what: &str, folder: &str, command: &mut Command) -> Result<()> {
        eprintln!("==> {what}");
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child =
            command.current_dir(root().join(folder)).stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{name}`"))?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines() {
                let line = line.with_context(|| format!("cannot read what `{name}` prints"))?;
                println!("{line}");
                self.count(&line);
            }
        }
        if !child.wait().with_context(|| format!("cannot wait for `{name}`"))?.success() {
            bail!("{what}: failed; its messages are above");
        }
        Ok(())
    }

    /// Counts a line such as `12 passed, 1 skipped in 3.21s` of pytest, or `1 failed, 12 passed in …`.
    pub(crate) fn count_pytest(&mut self, line: &str) {
        let Some((counts, _)) = line.trim_matches(['=', ' ']).rsplit_once(" in ") else { return };
        for part in counts.split(", ") {
            match part.split_once(' ') {
                Some((n, "passed")) => self.passed += n.parse::<u64>().unwrap_or(0),
                Some((n, "failed" | "error" | "errors")) => self.failed += n.parse::<u64>().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// Counts a line such as `test result: ok. 12 passed; 0 failed; …`.
    fn count(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else { return };
        for part in counts.split(';') {
            match part.trim().split_once(' ') {
                Some((n, "passed")) => self.passed += n.parse::<u64>().unwrap_or(0),
                Some((n, "failed")) => self.failed += n.parse::<u64>().unwrap_or(0),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runners_summary_is_counted() {
        let mut tally = Tally::default();
        tally.count("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.31s");
        tally.count("test result: FAILED. 3 passed; 2 failed; 0 ignored");
        tally.count("running 3 tests");
        assert_eq!((tally.passed, tally.failed), (15, 2));
        tally.count_pytest("1 failed, 12 passed, 3 skipped in 4.56s");
        tally.count_pytest("tests/test_loader.py::test_that_numbers_are_in_order");
        assert_eq!((tally.passed, tally.failed), (27, 3));
    }
}
