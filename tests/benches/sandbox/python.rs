//! A policy in Python, as a component with an interpreter in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use curricle_tests::bench::{data, venv};

/// Makes the component, unless it is there.
pub(crate) fn plugin() -> Result<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = tests.join("benches/sandbox/python");
    let made = data::folder()?.join("halves.wasm");
    let age = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    if age(&made).is_ok_and(|made| age(&source.join("app.py")).is_ok_and(|source| source <= made)) {
        return Ok(made);
    }
    let python = venv::python("componentize", &[&["componentize-py==0.25.1"]], &[])?;
    let tool = python.parent().context("a Python in no folder")?.join("componentize-py");
    let unfinished = made.with_extension("tmp");
    let mut command = Command::new(tool);
    command.arg("-d").arg(tests.join("../wit")).args(["-w", "stateful-policy-plugin", "componentize", "--stub-wasi"]);
    // What a virtual environment of the user's has would go into the component.
    command.arg("-p").arg(source).arg("app").arg("-o").arg(&unfinished).env_remove("VIRTUAL_ENV");
    venv::output(&mut command)?;
    fs::rename(&unfinished, &made)?;
    Ok(made)
}
