//! The Python package: its wheel, and its tests in an environment of their own.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    build::builtins,
    cargo::{cargo, places},
    repository::{root, run, target},
    setup,
    tally::Tally,
};

/// Says to this program that maturin takes it for cargo.
const JOINED: &str = "CURRICLE_JOINED_BUILD";

/// The wheel as people get it, in `target/wheels`.
pub(crate) fn release() -> Result<()> {
    builtins()?;
    run("building the command", "", &mut cargo(&["build", "--release", "--package", "curricle-cli"]))?;
    carry(&target().join("release").join("curricle"))?;
    let wheels = target().join("wheels");
    if wheels.exists() {
        fs::remove_dir_all(&wheels).with_context(|| format!("cannot replace `{}`", wheels.display()))?;
    }
    maturin(&["--release"], None)
}

/// Measures the released wheel against other loaders.
pub(crate) fn bench(filter: Option<&str>) -> Result<()> {
    release()?;
    let folder = root().join("python").join("benches");
    let python = setup::environment("peers", &folder.join("requirements.txt"))?;
    install(&python, &only_wheel(&target().join("wheels"))?)?;
    let mut peers = Command::new(&python);
    peers.arg(folder.join("peers.py")).arg("--folder").arg(target().join("bench").join("peers")).args(filter);
    run("measuring", "", peers.env_remove("PYTHONPATH").env("CURRICLE_CACHE", target().join("cache")))
}

/// Puts a wheel into an environment that has what it needs.
fn install(python: &Path, wheel: &Path) -> Result<()> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--force-reinstall"]).arg(wheel);
    run("installing the wheel", "", &mut pip)
}

/// The wheel in a folder.
fn only_wheel(folder: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read the folder `{}`", folder.display()))?;
    let mut found = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    found.retain(|path| path.extension().is_some_and(|extension| extension == "whl"));
    match found.pop() {
        Some(wheel) if found.is_empty() => Ok(wheel),
        _ => bail!("there is no single wheel in `{}`; remove what is there", folder.display()),
    }
}

/// The wheel that the tests install: of the workspace's build, so that nothing is compiled twice.
fn development() -> Result<PathBuf> {
    carry(&target().join("debug").join("curricle"))?;
    let wheels = target().join("wheels-dev");
    if wheels.exists() {
        fs::remove_dir_all(&wheels).with_context(|| format!("cannot replace `{}`", wheels.display()))?;
    }
    maturin(&["--profile", "dev", "--compatibility", "linux"], Some(&wheels))?;
    only_wheel(&wheels)
}

fn maturin(arguments: &[&str], joined: Option<&Path>) -> Result<()> {
    let python = setup::environment("wheel", &root().join("python").join("build-requirements.txt"))?;
    let mut maturin = Command::new(python.with_file_name("maturin"));
    maturin.args(["build", "--quiet", "--manifest-path", "python/Cargo.toml"]).args(arguments);
    if let Some(out) = joined {
        maturin.env("CARGO", env::current_exe().context("cannot find this program's own file")?).env(JOINED, "1").arg("--out").arg(out);
    }
    run("building the wheel", "", &mut maturin)
}

/// What this program does where maturin asks it to be cargo: compiling one package by itself would compile most of its dependencies again, with
/// fewer features. None if it was called by anybody else.
pub(crate) fn as_cargo(arguments: &[&str]) -> Option<Result<()>> {
    env::var_os(JOINED)?;
    let mut command = cargo(&[]);
    command.env_remove(JOINED).env_remove("CARGO");
    // What maturin says to the build script of PyO3 would have it and all that follows built again.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PYO3_")) {
        command.env_remove(name);
    }
    Some(match arguments {
        ["rustc", ..] => built(command.args(["build", "--workspace", "--all-targets", "--message-format", "json-render-diagnostics"])),
        others => ended(command.args(others).status()),
    })
}

/// Passes on what cargo built, but for tests: that of the library has its name, and is no library.
fn built(cargo: &mut Command) -> Result<()> {
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start `cargo`")?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.context("cannot read what cargo prints")?;
            if !line.contains("\"test\":true},") {
                println!("{line}");
            }
        }
    }
    ended(child.wait())
}

fn ended(status: std::io::Result<std::process::ExitStatus>) -> Result<()> {
    let status = status.context("cannot start `cargo`")?;
    ensure!(status.success(), "cargo ended with {status}");
    Ok(())
}

/// Puts the command and the built-in plugins into the package.
fn carry(command: &Path) -> Result<()> {
    let package = root().join("python").join("curricle");
    let (bin, plugins) = (package.join("bin"), package.join("plugins"));
    for folder in [&bin, &plugins] {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot replace `{}`", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    let carried = bin.join("curricle");
    fs::copy(command, &carried).with_context(|| format!("cannot copy `{}`", command.display()))?;
    // Without its symbols it is a quarter as large. Who has no `strip` has a larger wheel.
    let _ = Command::new("strip").arg(&carried).stderr(Stdio::null()).status();
    for name in builtin_names()? {
        let file = format!("{name}.wasm");
        let from = target().join("plugins").join(&file);
        fs::copy(&from, plugins.join(&file)).with_context(|| format!("cannot copy `{}`", from.display()))?;
    }
    Ok(())
}

/// The plugins of `plugins/`, by their folders.
fn builtin_names() -> Result<Vec<String>> {
    let folder = root().join("plugins");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read the folder `{}`", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if target().join("plugins").join(format!("{name}.wasm")).is_file() {
            names.push(name);
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "no built-in plugin is in `{}`", target().join("plugins").display());
    Ok(names)
}

/// Formatting, lints and types of what is Python.
fn lint(python: &Path) -> Result<()> {
    let tools: [(&str, &str, &[&str]); 3] = [
        ("formatting of the Python package", "ruff", &["format", "--check", "--quiet", "."]),
        ("lints of the Python package", "ruff", &["check", "--quiet", "."]),
        ("types of the Python package", "mypy", &["curricle"]),
    ];
    tools.iter().try_for_each(|(what, tool, arguments)| run(what, "python", Command::new(python.with_file_name(tool)).args(*arguments)))
}

/// Builds the wheel, installs it beside the frameworks in an environment of its own, and runs the tests of the package there.
pub(crate) fn test(filter: Option<&str>, tally: &mut Tally) -> Result<()> {
    setup::java()?;
    let wheel = development()?;
    let requirements = root().join("python").join("tests").join("requirements.txt");
    let python = setup::environment("python-tests", &requirements)?;
    install(&python, &wheel)?;
    lint(&python)?;
    // From a folder without a package of this name, so that the installed one is tested.
    let folder = root().join("python");
    let mut pytest = Command::new(&python);
    pytest.args(["-m", "pytest", "--durations", "10", "--config-file"]).arg(folder.join("pyproject.toml")).arg(folder.join("tests"));
    pytest.envs(places()).env_remove("PYTHONPATH");
    pytest.env("CURRICLE_WHEEL", &wheel).env_remove("CURRICLE_BIN").env_remove("CURRICLE_PLUGINS");
    if let Some(filter) = filter {
        pytest.args(["-k", filter]);
    }
    eprintln!("==> testing the Python package");
    let mut child = pytest.current_dir(target()).stdout(Stdio::piped()).spawn().context("cannot start pytest")?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.context("cannot read what pytest prints")?;
            println!("{line}");
            tally.count_pytest(&line);
        }
    }
    let status = child.wait().context("cannot wait for pytest")?;
    // 5: no test has the filter in its name.
    if status.success() || (filter.is_some() && status.code() == Some(5)) {
        return Ok(());
    }
    bail!("testing the Python package: failed; its messages are above")
}
