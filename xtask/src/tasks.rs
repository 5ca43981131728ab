//! The tasks: each a few runs of cargo.

use anyhow::{Result, bail};

use crate::{
    build::{builtins, hostile, plugins},
    cargo::{cargo, curricle},
    repository::run,
    setup,
    tally::Tally,
    wheel,
};

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
