//! Policies that pages outside of the guide show whole: each is built as it stands there, and draws.

use std::{fs, path::Path};

use curricle_tests::{Corpus, curricle_ok, length};
use serde_json::Value;

use super::guide::blocks;

/// The one block of a page in this language that holds all of a plugin.
fn shown(page: &str, fence: &str, whole: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page)).unwrap();
    let found: Vec<String> =
        blocks(&text).into_iter().filter(|block| block.info == fence && block.text.contains(whole)).map(|block| block.text).collect();
    assert_eq!(found.len(), 1, "{page}: blocks in {fence} with `{whole}`");
    found.into_iter().next().unwrap()
}

/// Builds a policy in a project as `curricle new` makes it, and draws three batches with it: ids of samples.
fn draws(corpus: &Corpus, language: &str, source: &str, text: &str, config: &str) -> Vec<u64> {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("shown");
    let place = folder.display().to_string();
    curricle_ok(&["new", "shown", "--kind", "policy", "--lang", language, "--path", &place]);
    fs::write(folder.join(source), text).unwrap();
    // The template's own keys; Rust has them in the source.
    let schema = folder.join("schema.json");
    if schema.exists() {
        fs::write(schema, "{}").unwrap();
    }
    curricle_ok(&["build", &place, "--out", &place]);
    let plugin = folder.join("shown.wasm").display().to_string();
    let run = corpus.run_file(&format!(
        "[batch]\nglobal-batch-size = 16\n[policy]\nplugin = {plugin:?}\nlimits = {{ preset = \"interpreted\" }}\nconfig = {config}\n"
    ));
    let lines = curricle_ok(&["sample", &run.display().to_string(), "--steps", "0..3"]);
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ids = lines.flat_map(|line| line["micro_batches"].as_array().unwrap().clone());
    let ids: Vec<u64> = ids.flat_map(|batch| batch.as_array().unwrap().clone()).map(|id| id.as_u64().unwrap()).collect();
    assert_eq!(ids.len(), 3 * 16, "{language}");
    ids
}

fn corpus() -> Corpus {
    let corpus = Corpus::new(200);
    curricle_ok(&["analyze", &corpus.path("data").display().to_string(), "--metric", "seqlen"]);
    corpus
}

#[test]
fn the_policy_of_the_readme_builds_and_draws_short_samples_first() {
    let text = shown("README.md", "rust", "export!(policy:");
    let corpus = corpus();
    let ids = draws(&corpus, "rust", "src/lib.rs", &text, "{ longest = 10.0, steps = 2 }");
    let (first, rest) = ids.split_at(32);
    assert!(first.iter().all(|id| length(*id) <= 10), "{first:?}");
    assert!(rest.iter().any(|id| length(*id) > 10), "{rest:?}");
    let example = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/short-first/src/lib.rs")).unwrap();
    let policy = text.split_once("impl Policy").unwrap().1.trim_end();
    assert!(example.contains(policy), "`examples/short-first` is no longer the policy of the README");
    assert_eq!(shown("guest-sdk/README.md", "rust", "export!(policy:"), text, "the SDK's page shows another policy than the README");
}

#[test]
fn the_policies_of_the_page_on_languages_build_and_draw_alike() {
    let corpus = corpus();
    let of = |language, fence, whole, source| {
        let ids = draws(&corpus, language, source, &shown("docs/languages.md", fence, whole), "{ longest = 10.0 }");
        assert!(ids.iter().all(|id| length(*id) <= 10), "{language}: {ids:?}");
        ids
    };
    let c = of("c", "c", "plugin_fill", "plugin.c");
    assert_eq!(of("cpp", "c", "plugin_fill", "plugin.cpp"), c, "what is C is C++ too");
    assert_eq!(of("go", "go", "func main()", "plugin.go"), c);
    assert_eq!(of("python", "python", "(Policy)", "plugin.py"), c);
    assert_eq!(of("javascript", "js", "export default", "plugin.js"), c);
}
