//! DeepSpeed's side: a virtual environment, and a script in it that times DeepSpeed's code.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use curricle_tests::bench::venv;
use serde_json::Value;

/// What the environment holds, in the order of installing: DeepSpeed's set-up imports torch.
const PACKAGES: [&[&str]; 2] = [
    &["torch==2.15.0", "numpy==2.4.6", "setuptools==84.2.1", "wheel==0.48.0", "seqpacker==0.1.3"],
    &["--no-build-isolation", "deepspeed==0.19.8"],
];

/// Runs a verb of the script, and gives what it found.
pub(crate) fn run(verb: &str, arguments: &[&str]) -> Result<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/deepspeed/driver.py");
    let mut command = Command::new(python()?);
    // Threads of torch and numpy would compute nothing here, but wait for work on the cores that are measured.
    command.arg("-B").arg(script).arg(verb).args(arguments).env("DS_ACCELERATOR", "cpu").env("OMP_NUM_THREADS", "1");
    Ok(serde_json::from_slice(&venv::output(&mut command)?)?)
}

/// A time that the script found.
pub(crate) fn seconds(found: &Value) -> Result<Duration> {
    let seconds = found["seconds"].as_f64().with_context(|| format!("no seconds in {found}"))?;
    Ok(Duration::from_secs_f64(seconds))
}

/// What the figures were made with.
pub(crate) fn versions() -> Result<String> {
    let found = run("versions", &[])?;
    let versions = found.as_object().into_iter().flatten().map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?")));
    Ok(versions.collect::<Vec<_>>().join(", "))
}

/// A Python that has DeepSpeed: the user's, or one that is installed once.
fn python() -> Result<PathBuf> {
    if let Some(python) = env::var_os("CURRICLE_DEEPSPEED") {
        return Ok(python.into());
    }
    venv::python("deepspeed", &PACKAGES, &[("DS_ACCELERATOR", "cpu"), ("DS_BUILD_OPS", "0")])
}
