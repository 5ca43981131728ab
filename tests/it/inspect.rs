use std::{fs, path::PathBuf};

use curricle_tests::{curricle, curricle_ok};
use serde_json::Value;

/// A file that never changes, and so never its digest.
fn golden() -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/contract/0.1.0/curriculum.wasm").display().to_string()
}

#[test]
fn a_plugin_says_what_it_is_wants_and_would_be_given() {
    let text = curricle_ok(&["inspect", &golden()]).replace(&golden(), "FILE");
    insta::assert_snapshot!(text);
}

#[test]
fn a_program_reads_the_same_as_json() {
    let facts: Value = serde_json::from_str(&curricle_ok(&["inspect", &golden(), "--json"])).unwrap();
    assert_eq!((&facts["kind"], &facts["contract"], &facts["labelled"]), (&"stateful policy".into(), &"0.1.0".into(), &true.into()));
    assert_eq!(facts["granted"][0]["import"], "types");
    assert_eq!(facts["config_schema"]["required"][0], "metrics");
    assert_eq!(facts["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_builtin_plugin_is_inspected_by_name_and_a_missing_one_says_where_it_was_looked_for() {
    assert!(curricle_ok(&["inspect", "uniform"]).starts_with("uniform 0.1.0: Every sample once"));
    let output = curricle(&["inspect", "unifrom"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("plugin `unifrom`: `unifrom.wasm` is in none of"), "{text}");
}

/// What `curricle build FILE` says of a component that is no plugin.
fn refusal(wat: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.wasm");
    fs::write(&file, wat::parse_str(wat).unwrap()).unwrap();
    let file = file.display().to_string();
    let output = curricle(&["build", &file, "--out", &folder.path().join("out").display().to_string()]);
    assert_eq!(output.status.code(), Some(4));
    assert!(!folder.path().join("out").exists());
    String::from_utf8(output.stderr).unwrap().replace(&file, "mine.wasm")
}

#[test]
fn a_file_of_another_tool_that_is_no_plugin_is_refused_with_file_and_mend() {
    let foreign = refusal(
        r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)) (instance $i) (export "curricle:plugin/pacing@0.1.0" (instance $i)))"#,
    );
    assert!(foreign.starts_with("error: `mine.wasm` is no plugin: plugin `mine.wasm`, "), "{foreign}");
    assert!(
        foreign.contains("it imports what a pacing function is not given: `wasi:clocks/wall-clock@0.2.0`; build it without WASI"),
        "{foreign}"
    );
    let wrong = refusal(r#"(component (instance $i) (export "mine:plugin/policy@0.1.0" (instance $i)))"#);
    assert!(wrong.contains("it exports `mine:plugin/policy@0.1.0`; export `pacing`, `metric`, `policy` or `packer`"), "{wrong}");
    let newer = refusal(r#"(component (instance $i) (export "curricle:plugin/policy@0.3.0" (instance $i)))"#);
    assert!(newer.contains("upgrade Curricle to a release that offers it"), "{newer}");
}
