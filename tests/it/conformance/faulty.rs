use std::fs;

use curricle_harness::Suite;
use serde_json::{Value, json};

use super::{failed, told};
use crate::hostile::guest::{component, evil};

/// Tries an `evil-…` plugin that does wrong as the configuration says: which checks failed, and how they are told.
fn tried(name: &str, config: Value) -> (Vec<String>, String) {
    let path = evil(name);
    let report = Suite::of(&path).unwrap().config(config).quick().run().unwrap();
    (failed(&report).into_iter().map(str::to_owned).collect(), told(&report, &path))
}

#[test]
fn a_policy_that_counts_its_calls_is_found() {
    let (failed, told) = tried("evil-policy", json!({"fill": "drift", "at": 5}));
    assert_eq!(failed, ["restored-at-every-step", "no-hidden-state"]);
    insta::assert_snapshot!("policy-hidden-state", told);
}

#[test]
fn a_policy_that_changes_when_it_is_saved_is_found() {
    let (failed, told) = tried("evil-policy", json!({"fill": "saved"}));
    assert!(failed.contains(&"save-changes-nothing".to_owned()), "{failed:?}");
    insta::assert_snapshot!("policy-save", told);
}

#[test]
fn a_policy_whose_batches_are_sometimes_too_small_is_found() {
    let (failed, told) = tried("evil-policy", json!({"fill": "short", "at": 3}));
    assert!(failed.contains(&"exact-sizes".to_owned()), "{failed:?}");
    insta::assert_snapshot!("policy-short", told);
}

#[test]
fn a_policy_that_panics_at_its_first_step_does_not_start() {
    let (failed, told) = tried("evil-policy", json!({"wrong": "panic"}));
    assert_eq!(failed, ["starts"]);
    insta::assert_snapshot!("policy-panic", told);
}

#[test]
fn a_policy_that_refuses_what_it_saved_is_found() {
    let (failed, _) = tried("evil-policy", json!({"wrong": "refuse-silently", "in": "restore"}));
    assert!(failed.contains(&"restored-at-every-step".to_owned()), "{failed:?}");
}

#[test]
fn partial_results_that_are_handed_over_twice_are_found() {
    let (failed, told) = tried("evil-metric", json!({"answer": "keeps"}));
    assert!(failed.contains(&"partials".to_owned()), "{failed:?}");
    insta::assert_snapshot!("metric-keeps", told);
}

#[test]
fn a_merge_that_remembers_is_found() {
    let (failed, told) = tried("evil-metric", json!({"answer": "remembers"}));
    assert!(failed.contains(&"merging".to_owned()), "{failed:?}");
    insta::assert_snapshot!("metric-remembers", told);
}

#[test]
fn a_merge_that_depends_on_the_tree_is_found() {
    let (failed, told) = tried("evil-metric", json!({"answer": "means"}));
    assert_eq!(failed, ["merging"]);
    insta::assert_snapshot!("metric-means", told);
}

#[test]
fn a_value_that_depends_on_the_samples_beside_it_is_found() {
    let (failed, told) = tried("evil-metric", json!({"answer": "neighbours"}));
    assert_eq!(failed, ["chunks"]);
    insta::assert_snapshot!("metric-neighbours", told);
}

#[test]
fn a_value_that_depends_on_the_width_of_tokens_is_found() {
    let (failed, told) = tried("evil-metric", json!({"answer": "width"}));
    assert_eq!(failed, ["token-widths"]);
    insta::assert_snapshot!("metric-width", told);
}

#[test]
fn a_value_that_is_none_is_found() {
    let (failed, told) = tried("evil-metric", json!({"answer": "nan", "at": 3}));
    assert!(failed.contains(&"same-answers".to_owned()), "{failed:?}");
    assert!(told.contains("its value for sample 3 is NaN"), "{told}");
}

#[test]
fn a_difficulty_that_depends_on_what_was_asked_before_is_found() {
    let (failed, told) = tried("evil-pacing", json!({"answer": "counts"}));
    assert_eq!(failed, ["any-order", "far-steps"]);
    insta::assert_snapshot!("pacing-counts", told);
}

#[test]
fn a_difficulty_that_is_none_far_out_is_found() {
    let (failed, told) = tried("evil-pacing", json!({"answer": "infinite", "at": 2_000_000}));
    assert!(failed.contains(&"far-steps".to_owned()), "{failed:?}");
    assert!(told.contains("at step 2147483647"), "{told}");
}

#[test]
fn a_packer_that_remembers_is_found() {
    let (failed, told) = tried("evil-packer", json!({"pack": "remembers"}));
    assert!(failed.contains(&"same-question".to_owned()), "{failed:?}");
    insta::assert_snapshot!("packer-remembers", told);
}

#[test]
fn a_packer_that_overfills_is_found() {
    let (failed, told) = tried("evil-packer", json!({"pack": "overfull"}));
    assert!(failed.contains(&"bins".to_owned()), "{failed:?}");
    assert!(told.contains("capacity 4294967295") || told.contains("tokens into bin 0"), "{told}");
}

/// A pacing function by hand that accepts any configuration and has this schema.
fn with_schema(schema: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let escaped: String = schema.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let word = |n: usize| (n as u32).to_le_bytes().iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let description: String = [256, 9, 272, 5, 288, 12, 1024, schema.len()].map(word).concat();
    let text = format!(
        ";; A schema of the test's choice.\n;; module: pacing\n(data (i32.const 512) \"{description}\") (data (i32.const 1024) \"{escaped}\")\n\
         (func (export \"describe\") (result i32) (i32.const 512))"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("by-hand.wasm");
    fs::write(&path, component(&text)).unwrap();
    (folder, path)
}

#[test]
fn a_schema_under_which_misspelt_keys_pass_is_found() {
    let (_folder, path) = with_schema(r#"{"type": "object", "properties": {"steps": {"type": "integer", "minimum": 1}}}"#);
    let report = Suite::of(&path).unwrap().quick().run().unwrap();
    assert_eq!(failed(&report), ["forbidden-configurations"]);
    insta::assert_snapshot!("schema-open", told(&report, &path));
}

#[test]
fn a_schema_that_is_no_json_is_found() {
    let (_folder, path) = with_schema("{\"type\": ");
    let error = Suite::of(&path).unwrap_err();
    assert_eq!(error.code(), "plugin-contract");
    insta::assert_snapshot!("schema-no-json", told(&curricle_harness::unloadable(&path, &error), &path));
}

#[test]
fn a_process_that_answers_otherwise_is_told_with_the_difference() {
    let path = curricle_tests::plugin("cosine");
    let config = json!({"min": 0.0, "max": 1.0, "steps": 4});
    let suite = || Suite::of(&path).unwrap().config(config.clone()).only("another-process");
    let here = suite().answers().unwrap();
    suite()
        .in_another_process({
            let here = here.clone();
            move |_| Ok(here.clone())
        })
        .run()
        .unwrap()
        .assert();
    let report = suite().in_another_process(move |_| Ok(here.replacen("step 4: 1 ", "step 4: 2 ", 1))).run().unwrap();
    assert_eq!(failed(&report), ["another-process"]);
    insta::assert_snapshot!("another-process", told(&report, &path));
}

#[test]
fn somebody_who_asks_to_stop_is_heard() {
    let path = curricle_tests::plugin("uniform");
    let error = Suite::of(&path).unwrap().interrupted(|| true).run().unwrap_err();
    assert_eq!(error.code(), "interrupted");
}
