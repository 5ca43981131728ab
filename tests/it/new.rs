//! `curricle new`: what it writes builds, passes its tests and samples something.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use curricle_tests::{command, curricle_ok};

const KINDS: [&str; 5] = ["policy", "stateful-policy", "metric", "pacing", "packer"];

/// Every pair of language and kind that there is a template for.
fn templates() -> Vec<(String, &'static str)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/templates");
    let mut languages: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap())
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    languages.sort();
    let pairs = languages.into_iter().filter(|language| language != "shared");
    let pairs = pairs.flat_map(|language| KINDS.map(|kind| (language.clone(), kind)));
    pairs.filter(|(language, kind)| folder.join(language).join(kind).is_dir()).collect()
}

/// Runs `curricle` in a folder; it must succeed.
fn inside(folder: &Path, args: &[&str]) -> String {
    let output = command().args(args).current_dir(folder).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "in {}: curricle {args:?}: {}\n{text}", folder.display(), output.status);
    text
}

fn begin(parent: &Path, language: &str, kind: &str) -> PathBuf {
    let folder = parent.join(format!("my-{kind}"));
    curricle_ok(&["new", &format!("my-{kind}"), "--kind", kind, "--lang", language, "--path", &folder.display().to_string()]);
    folder
}

/// Does what the project's README says, line by line.
fn follow_readme(folder: &Path) -> usize {
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let lines = readme.split("```").skip(1).step_by(2).flat_map(str::lines);
    let mut n = 0;
    for line in lines.filter(|line| line.starts_with("curricle ")) {
        let line = line.split(" #").next().unwrap_or(line);
        let args: Vec<&str> = line.split_whitespace().skip(1).collect();
        // Millions of samples in debug builds of hosts are for another day.
        let args = if args.first() == Some(&"test") { [&args[..], &["--quick"]].concat() } else { args };
        inside(folder, &args);
        n += 1;
    }
    n
}

fn every_template_of(languages: &[&str]) {
    let parent = tempfile::tempdir().unwrap();
    let mut n = 0;
    for (language, kind) in templates().into_iter().filter(|(language, _)| languages.contains(&language.as_str())) {
        let folder = begin(parent.path(), &language, kind);
        assert!(follow_readme(&folder) >= 5, "the README of {language}/{kind} says what to do");
        fs::remove_dir_all(&folder).unwrap();
        n += 1;
    }
    assert!(n >= languages.len(), "{n} templates for {languages:?}");
}

#[test]
fn what_is_written_in_rust_builds_passes_its_tests_and_samples() {
    every_template_of(&["rust"]);
}

#[test]
fn what_is_written_in_c_cpp_and_go_builds_passes_its_tests_and_samples() {
    every_template_of(&["c", "cpp", "go"]);
}

#[test]
fn what_is_written_in_python_and_javascript_builds_passes_its_tests_and_samples() {
    every_template_of(&["python", "javascript", "typescript"]);
}

#[test]
fn rust_code_of_templates_is_formatted_and_passes_its_own_tests() {
    let parent = tempfile::tempdir().unwrap();
    for (language, kind) in templates().into_iter().filter(|(language, _)| language == "rust") {
        let folder = begin(parent.path(), &language, kind);
        let cargo = |args: &[&str]| {
            let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/native");
            let output = Command::new("cargo").args(args).current_dir(&folder).env("CARGO_TARGET_DIR", target).output().unwrap();
            assert!(output.status.success(), "{kind}: cargo {args:?}\n{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        cargo(&["fmt", "--check"]);
        // One of its own, and the one that `export!` makes.
        let tested = cargo(&["test", "--quiet"]);
        assert!(tested.contains("test result: ok. 2 passed") || tested.contains("test result: ok. 3 passed"), "{kind}: {tested}");
    }
}

#[test]
fn from_nothing_to_a_passing_test_takes_less_than_half_a_minute_of_the_machine() {
    let parent = tempfile::tempdir().unwrap();
    // Dependencies that another project has had compiled are part of the toolchain.
    inside(&begin(parent.path(), "rust", "policy"), &["build", "."]);
    let before = Instant::now();
    let folder = parent.path().join("second");
    curricle_ok(&["new", "second", "--path", &folder.display().to_string()]);
    inside(&folder, &["test", ".", "--quick"]);
    let took = before.elapsed();
    // Other tests run beside this one.
    assert!(took < Duration::from_secs(30 * 4), "{took:?}");
    println!("curricle new, curricle test: {took:?}");
}
