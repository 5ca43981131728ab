use std::{fs, path::Path, time::Duration};

use curricle::{
    Run,
    plugin::{Limits, MetricPlugin},
};
use curricle_tests::{Corpus, plugin};

/// The languages that have a worked example, by the folders that there are.
pub(super) fn languages() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/languages");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("policy").is_dir() && entry.path().join("metric").is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Keys of a run file that give a plugin in this language the room that it needs.
fn preset(language: &str) -> &'static str {
    if interpreted(language) { "interpreted" } else { "compiled" }
}

fn interpreted(language: &str) -> bool {
    ["python", "javascript", "typescript"].contains(&language)
}

/// A run with the worked policy of a language; `config` is TOML.
pub(super) fn run(corpus: &Corpus, language: &str, config: &str) -> curricle::Result<Run> {
    let path = plugin(&format!("warm-up-{language}"));
    corpus.try_run(&format!(
        "[batch]\nglobal-batch-size = 16\n[policy]\nplugin = {:?}\nlimits = {{ preset = \"{}\", compile-time = \"600s\" }}\nconfig = {config}\n",
        path.to_string_lossy(),
        preset(language)
    ))
}

/// The worked metric of a language.
pub(super) fn metric(language: &str) -> MetricPlugin {
    let mut limits = if interpreted(language) { Limits::interpreted() } else { Limits::default() };
    // How busy the machine is, is not what these tests are about.
    limits.compile_time = Duration::from_secs(600);
    let name = format!("distinct-{language}");
    MetricPlugin::load(&name, &plugin(&name), &serde_json::json!({}), &limits).unwrap()
}
