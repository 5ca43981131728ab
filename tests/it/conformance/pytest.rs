use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};
use curricle_tests::plugin;

use crate::hostile::guest::evil;

const PYTEST: &str = "pytest==8.4.2";

/// A Python with pytest and the plugin of this checkout, which its path names rather than an installation.
fn python() -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("the target folder has a parent")?;
    let venv = target.join("test-pytest");
    // Two runs of the tests may want to install it at once.
    let lock = File::create(target.join("test-pytest.lock"))?;
    lock.lock()?;
    let python = venv.join("bin/python");
    let stamp = venv.join("stamp");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(PYTEST) {
        let _ = fs::remove_dir_all(&venv);
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(&python).args(["-m", "pip", "install", "-q", "--disable-pip-version-check", PYTEST]))?;
        fs::write(&stamp, PYTEST)?;
    }
    Ok(python)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}; it needs python3"))?;
    ensure!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Runs pytest in a folder with the plugin, as an installation would have it loaded.
fn pytest(folder: &Path, args: &[&str]) -> (Output, String) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/pytest-curricle/src").canonicalize().unwrap();
    let bin = curricle_tests::command().get_program().to_owned();
    let mut command = Command::new(python().unwrap());
    command.args(["-m", "pytest", "-p", "pytest_curricle", "-p", "no:cacheprovider", "-v", "--curricle-quick", "--curricle"]).arg(bin);
    let output = command.args(args).current_dir(folder).env("PYTHONPATH", source).env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, printed)
}

/// A stand-in for `curricle` that tests a component which is there, whatever project it is given: what a project's toolchain would make is
/// another test's matter.
fn project(folder: &Path, component: &Path) -> PathBuf {
    let project = folder.join("my-plugin");
    fs::create_dir_all(project.join("scenarios")).unwrap();
    fs::write(
        project.join("curricle.toml"),
        "name = \"x\"\nversion = \"0.1.0\"\nsummary = \"X.\"\nkind = \"pacing\"\nlanguage = \"c\"\nsource = \"x.c\"\n",
    )
    .unwrap();
    let bin = curricle_tests::command().get_program().to_owned();
    let script = folder.join("curricle");
    let (bin, component) = (bin.to_string_lossy().into_owned(), component.display());
    let scenarios = "for s in \"$2\"/scenarios/*.toml; do [ -e \"$s\" ] && set -- \"$@\" --scenario \"$s\"; done";
    fs::write(&script, format!("#!/bin/sh\nset -- \"$@\"\n{scenarios}\nshift 2\nexec '{bin}' test '{component}' \"$@\"\n")).unwrap();
    run(Command::new("chmod").arg("+x").arg(&script)).unwrap();
    script
}

#[test]
fn every_check_and_scenario_of_a_project_is_an_item() {
    let folder = tempfile::tempdir().unwrap();
    let script = project(folder.path(), &plugin("cosine"));
    let scenarios = folder.path().join("my-plugin/scenarios");
    let scenario = |expected: u32| format!("[config]\nmin = 0\nmax = 8\nsteps = 4\n[expect]\ndifficulty = [[4, {expected}]]\n");
    fs::write(scenarios.join("good.toml"), scenario(8)).unwrap();
    fs::write(scenarios.join("half.toml"), scenario(9)).unwrap();
    // A run file is called `curricle.toml` too.
    fs::create_dir(folder.path().join("run")).unwrap();
    fs::write(folder.path().join("run/curricle.toml"), "seed = 1\n").unwrap();
    let script = script.display().to_string();
    let (output, printed) = pytest(folder.path(), &["--curricle", &script]);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("my-plugin/curricle.toml::any-order PASSED"), "{printed}");
    assert!(printed.contains("my-plugin/curricle.toml::scenario good PASSED"), "{printed}");
    assert!(printed.contains("my-plugin/curricle.toml::scenario half FAILED"), "{printed}");
    assert!(printed.contains("- step 4: 9") && printed.contains("again: "), "{printed}");
    assert!(!printed.contains("run/curricle.toml"), "{printed}");
    let (output, printed) = pytest(folder.path(), &["--curricle", &script, "my-plugin/scenarios/good.toml"]);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

#[test]
fn a_project_that_cannot_be_tested_is_an_error_with_the_words_of_curricle() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path(), &plugin("cosine"));
    let (output, printed) = pytest(folder.path(), &[]);
    assert!(!output.status.success());
    assert!(printed.contains("there is no `") && printed.contains("x.c"), "{printed}");
    let (_, printed) = pytest(folder.path(), &["--curricle", "no-such-program"]);
    assert!(printed.contains("there is no command `no-such-program`"), "{printed}");
}

#[test]
fn the_fixture_gives_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let test = format!(
        "def test_good(curricle_plugin):\n    report = curricle_plugin({:?}, config={{'min': 0, 'max': 8, 'steps': 4}})\n    report.assert_ok()\n    \
         assert report['any-order'].outcome == 'passed'\n\ndef test_bad(curricle_plugin):\n    report = curricle_plugin({:?}, \
         config={{'answer': 'counts'}}, only='any-order')\n    assert not report.ok and '- step 999' in report['any-order'].diff\n",
        plugin("cosine").display().to_string(),
        evil("evil-pacing").display().to_string(),
    );
    fs::write(folder.path().join("test_it.py"), test).unwrap();
    let (output, printed) = pytest(folder.path(), &[]);
    assert!(output.status.success() && printed.contains("2 passed"), "{printed}");
}
