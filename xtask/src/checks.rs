//! Checks that take tools which not everybody has, and longer than CI has: fuzzing, dependencies, Miri.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio, id},
};

use anyhow::{Context, Result, bail};

use crate::{
    build::plugins,
    cargo::{cargo, places},
    repository::{root, run, target},
};

/// How long a target is fuzzed if nobody says so.
pub(crate) const SECONDS: u64 = 600;
/// Targets that load plugins, or unpack files, of the fuzzer's making: their cache is emptied after each.
const INVENTING: [&str; 5] = ["arrow_dataset", "component", "guest", "parquet", "smith"];
/// Tests that need neither mapped files, nor plugins, nor the mathematics library, whose assembly Miri does not read.
const MIRI: [&str; 12] = [
    "batch::buffer::",
    "batch::pieces::",
    "batch::shape::",
    "columns::set::tests::every_bit",
    "columns::value::",
    "dataset::tokens::",
    "hex::",
    "packing::best_fit::",
    "packing::tests::",
    "streams::tests::all_ways",
    "streams::tests::orders_stay",
    "streams::tests::the_ends",
];
/// Those among them that take more samples than an interpreter has time for.
const TOO_LONG: [&str; 3] = ["lists_and_tree", "every_order_equally", "for_ever"];

/// Writes the seeds of all targets.
pub(crate) fn corpus() -> Result<()> {
    plugins()?;
    let mut command = Command::new(target().join("debug").join("fuzz-corpus"));
    run("writing seeds", "", command.arg("fuzz/corpus").envs(places()))
}

/// Fuzzes.
pub(crate) fn fuzz(only: Option<&str>, seconds: u64) -> Result<()> {
    nightly()?;
    if !succeeds(&["fuzz", "--version"]) {
        bail!("cargo-fuzz is missing; `cargo install cargo-fuzz --locked` gets it");
    }
    let names = names()?;
    let chosen: Vec<&String> = names.iter().filter(|name| only.is_none_or(|only| only == name.as_str())).collect();
    if chosen.is_empty() {
        bail!("there is no target `{}`; there are {}", only.unwrap_or_default(), names.join(", "));
    }
    corpus()?;
    let scratch = Scratch::new()?;
    for name in chosen {
        let folder = root().join("fuzz/corpus").join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        // Inputs at which something went wrong once lie beside those that were made.
        let (own, once) = (format!("fuzz/corpus/{name}"), format!("fuzz/seeds/{name}"));
        let mut arguments = vec!["+nightly", "fuzz", "run", name.as_str(), own.as_str()];
        if root().join(&once).is_dir() {
            arguments.push(&once);
        }
        let limit = format!("-max_total_time={seconds}");
        arguments.extend(["--", limit.as_str(), "-timeout=120", "-rss_limit_mb=4096", "-print_final_stats=1"]);
        if ["guest", "smith"].contains(&name.as_str()) {
            // Plugins are invented from the first input on, and short ones do nothing.
            arguments.extend(["-len_control=0", "-max_len=2400"]);
        }
        let mut command = cargo(&arguments);
        // Asking whether there is memory is no error, as long as the answer is heeded.
        command.env("TMPDIR", &scratch.0).env("ASAN_OPTIONS", "allocator_may_return_null=1");
        // The others load built-in plugins, which instrumented code would take a minute each to compile.
        if INVENTING.contains(&name.as_str()) {
            command.env("CURRICLE_CACHE", scratch.0.join("fuzz-cache"));
        }
        run(&format!("fuzzing {name} for {seconds} s"), "", &mut command)?;
    }
    Ok(())
}

/// Names of the targets: a file each.
fn names() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let read = || format!("cannot read `{}`", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(read)? {
        names.extend(entry.with_context(read)?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// A folder in memory, if the system has one, that is gone afterwards: every input is a file for a moment.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { memory.to_owned() } else { target() };
        let folder = folder.join(format!("curricle-fuzz-{}", id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Asks `deny.toml` of every workspace.
pub(crate) fn deny() -> Result<()> {
    if !succeeds(&["deny", "--version"]) {
        bail!("cargo-deny is missing; `cargo install cargo-deny --locked` gets it");
    }
    for workspace in ["", "plugins/", "fuzz/"] {
        let manifest = format!("{workspace}Cargo.toml");
        // Duplicates are for who wants to see them: `cargo deny check bans`.
        let arguments =
            ["deny", "--manifest-path", &manifest, "--config", "deny.toml", "check", "-A", "duplicate", "--hide-inclusion-graph"];
        run(&format!("dependencies of {manifest}"), "", &mut cargo(&arguments))?;
    }
    Ok(())
}

/// Runs tests in an interpreter that sees undefined behaviour.
pub(crate) fn miri(filter: Option<&str>) -> Result<()> {
    nightly()?;
    if !succeeds(&["+nightly", "miri", "--version"]) {
        bail!("Miri is missing; `rustup component add miri rust-src --toolchain nightly` gets it");
    }
    let skipped: Vec<&str> = TOO_LONG.iter().flat_map(|name| ["--skip", *name]).collect();
    let test = |package, chosen: &[&str]| {
        let arguments = ["+nightly", "miri", "test", "--target-dir", "target/miri", "--package", package, "--lib", "--"];
        let mut command = cargo(&[&arguments, chosen, &skipped].concat());
        // Tests read files of the repository and the clock, and an interpreter has no time for every case of a property.
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "2");
        command
    };
    let (host, guest) = match &filter {
        None => (&MIRI[..], &[][..]),
        Some(filter) => (std::slice::from_ref(filter), std::slice::from_ref(filter)),
    };
    run("testing the host under Miri", "", &mut test("curricle", host))?;
    run("testing the guest's side under Miri", "", &mut test("curricle-guest", guest))
}

fn nightly() -> Result<()> {
    match succeeds(&["+nightly", "--version"]) {
        true => Ok(()),
        false => bail!("nightly Rust is missing; `rustup toolchain install nightly` gets it"),
    }
}

fn succeeds(arguments: &[&str]) -> bool {
    let status = Command::new("cargo").args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
