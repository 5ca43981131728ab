//! DeepSpeed's side: a virtual environment, and a script in it that times DeepSpeed's code.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use curricle_tests::bench::data;
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
    Ok(serde_json::from_slice(&output(&mut command)?)?)
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
    let folder = data::folder()?;
    let venv = folder.join("deepspeed-venv");
    let python = venv.join("bin/python");
    let lock = File::create(folder.join("deepspeed-venv.lock"))?;
    lock.lock()?;
    let stamp = venv.join("stamp");
    let wanted = format!("{PACKAGES:?}\n");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        eprintln!("==> installing DeepSpeed into {}, once", venv.display());
        if venv.exists() {
            fs::remove_dir_all(&venv)?;
        }
        output(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        for packages in PACKAGES {
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check"]).args(packages);
            output(pip.env("DS_ACCELERATOR", "cpu").env("DS_BUILD_OPS", "0"))?;
        }
        fs::write(&stamp, wanted)?;
    }
    Ok(python)
}

/// What a program prints, which must succeed.
fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}; it needs python3"))?;
    ensure!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}
