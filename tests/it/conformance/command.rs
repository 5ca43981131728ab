use std::{fs, path::Path};

use curricle_tests::{curricle, curricle_ok, plugin};
use serde_json::Value;

use crate::hostile::guest::evil;

const COSINE: &str = r#"{"min": 0, "max": 8, "steps": 4}"#;

fn word(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_good_plugin_takes_few_lines_and_another_process_agrees() {
    let printed = curricle_ok(&["test", &word(&plugin("cosine")), "--config", COSINE]);
    assert!(printed.starts_with("cosine 0.1.0, a pacing function ("), "{printed}");
    assert!(printed.contains("ok      another-process"), "{printed}");
    assert!(printed.lines().count() < 15, "{printed}");
    assert!(printed.ends_with(" ok\n"), "{printed}");
}

#[test]
fn policies_metrics_and_packers_answer_the_same_in_another_process() {
    let mixture = r#"{"column": "domain", "weights": {"code": 2.0, "web": 1.0}}"#;
    for (name, config) in [("mixture", mixture), ("vocab-rarity", "{}"), ("first-fit", "{}")] {
        let printed = curricle_ok(&["test", &word(&plugin(name)), "--quick", "--only", "another-process", "--config", config]);
        assert!(printed.contains("ok      another-process"), "{printed}");
    }
}

#[test]
fn a_failure_has_exit_code_4_and_the_command_that_it_names_shows_it_again() {
    let path = word(&evil("evil-pacing"));
    let failed = curricle(&["test", &path, "--config", r#"{"answer": "counts"}"#]);
    assert_eq!(failed.status.code(), Some(4));
    let errors = String::from_utf8_lossy(&failed.stderr);
    assert!(errors.contains("plugin `evil-pacing`, test: 2 of 9 checks failed"), "{errors}");
    let printed = String::from_utf8_lossy(&failed.stdout);
    let again = printed.lines().find_map(|line| line.trim_start().strip_prefix("again: curricle test ")).expect("a command");
    assert!(again.starts_with(&path) && again.contains("--only any-order"), "{again}");
}

#[test]
fn what_came_of_it_is_there_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let junit = word(&folder.path().join("report.xml"));
    let path = word(&evil("evil-pacing"));
    let output = curricle(&["test", &path, "--config", r#"{"answer": "counts"}"#, "--json", "--junit", &junit]);
    assert_eq!(output.status.code(), Some(4));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["ok"], false);
    let checks = said["plugins"][0]["checks"].as_array().unwrap();
    let find = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap();
    assert_eq!(find("any-order")["outcome"], "failed");
    assert!(find("any-order")["diff"].as_str().unwrap().starts_with("- step 999"), "{}", find("any-order"));
    assert_eq!(find("starts")["outcome"], "passed");
    let xml = fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("<testsuite name=\"evil-pacing\" tests=\"9\"") && xml.contains("failures=\"2\""), "{xml}");
    assert!(xml.contains("<testcase name=\"any-order\" classname=\"curricle.evil-pacing\""), "{xml}");
}

#[test]
fn scenarios_of_a_component_run_after_the_suite_and_a_typo_is_one_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.toml"), folder.path().join("bad.toml"));
    fs::write(&good, "[config]\nmin = 0\nmax = 8\nsteps = 4\n[expect]\ndifficulty = [[4, 8]]\n").unwrap();
    fs::write(&bad, "[config]\nmin = 0\n[expct]\n").unwrap();
    let args = ["test", &word(&plugin("cosine")), "--scenario", &word(&good), "--scenario", &word(&bad)];
    let output = curricle(&args);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{printed}");
    assert!(printed.contains("ok      scenario good"), "{printed}");
    for words in ["FAILED  scenario bad", "unknown key `expct`", "bad.toml:3:2", "mend: did you mean `expect`?"] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    // The configuration of the good one is the suite's, too.
    assert!(printed.contains("ok      any-order"), "{printed}");
    curricle_ok(&[&args[..4], &["--only", "scenario"]].concat());
}

#[test]
fn a_scenario_that_cannot_be_read_is_told_to_programs_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.toml");
    fs::write(&path, "x = \n").unwrap();
    let scenario = word(&path);
    let output = curricle(&["test", &word(&plugin("cosine")), "--scenario", &scenario, "--only", "scenario", "--config", COSINE, "--json"]);
    assert_eq!(output.status.code(), Some(4));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let check = &said["plugins"][0]["checks"][0];
    assert_eq!(check["place"], format!("{scenario}:1:5"), "{check}");
    assert!(check["remedy"].as_str().unwrap().starts_with("correct the scenario"), "{check}");
    assert!(check["reproduce"].as_str().unwrap().ends_with("--only bad"), "{check}");
}

#[test]
fn what_was_tested_before_a_project_that_does_not_build_is_in_the_report_and_so_is_that() {
    let folder = tempfile::tempdir().unwrap();
    let (junit, broken) = (folder.path().join("report.xml"), folder.path().join("broken"));
    fs::write(&junit, "an earlier run's").unwrap();
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("curricle.toml"), "name = \"a\"\n").unwrap();
    let cosine = word(&plugin("cosine"));
    let output = curricle(&["test", &cosine, &word(&broken), "--only", "starts", "--config", COSINE, "--junit", &word(&junit)]);
    assert!(!output.status.success());
    let xml = fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("<testsuite name=\"cosine\" tests=\"1\"") && xml.contains("<testcase name=\"ends\""), "{xml}");
    assert!(xml.contains("missing field `version`"), "{xml}");
}

#[test]
fn a_file_that_is_no_plugin_fails_the_check_that_loads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("core.wasm");
    fs::write(&path, wat::parse_str("(module)").unwrap()).unwrap();
    let output = curricle(&["test", &word(&path)]);
    assert_eq!(output.status.code(), Some(4));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("FAILED  loads") && printed.contains("core module"), "{printed}");
}

#[test]
fn wrong_words_are_refused_with_what_is_accepted() {
    let path = word(&plugin("cosine"));
    let refused = |args: &[&str]| {
        let output = curricle(&[&["test", &path], args].concat());
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["--only", "no-such-check"]).contains("no check and no scenario has `no-such-check` in its name"));
    assert!(refused(&["--config", "{\"min\""]).contains("it is no JSON"));
    assert!(refused(&["--samples", "0"]).contains("0 is not in"));
    let empty = tempfile::tempdir().unwrap();
    let output = curricle(&["test", &word(empty.path())]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("neither a `Cargo.toml` nor a `curricle.toml`"));
}
