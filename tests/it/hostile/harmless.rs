//! What looks like a misdeed and is none: it is allowed, or it is found elsewhere.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink, path::Path, thread};

use curricle::{
    Run, RunConfig, Sampler,
    analysis::{Options, analyze},
    columns::Column,
    plugin::{Limits, MetricPlugin, PacingPlugin, check_sha256},
};
use curricle_tests::{Corpus, curricle_ok};
use serde_json::{Value, json};

use super::{
    bombs,
    drive::{Bench, Drive},
    guest::{self, Source, evil},
};

/// Ids of 4 batches of 16, of a policy in a file.
fn batches(corpus: &Corpus, path: &Path, config: &str) -> Vec<Vec<u64>> {
    let run =
        corpus.run(&format!("[batch]\nglobal-batch-size = 16\n[policy]\nplugin = {:?}\nconfig = {config}\n", path.display().to_string()));
    let mut sampler = Sampler::start(&run).unwrap();
    (0..4).map(|_| sampler.next_batch().unwrap().unwrap().ids().collect()).collect()
}

#[test]
fn the_same_sample_again_and_again_is_allowed() {
    let corpus = Corpus::new(200);
    assert!(batches(&corpus, &evil("evil-policy"), "{ fill = \"same\" }").iter().flatten().all(|&id| id == 7));
}

#[test]
fn a_policy_may_never_advance() {
    let corpus = Corpus::new(200);
    let path = Source::Wat("draws-nothing-new").file(&corpus.path(""));
    for batch in batches(&corpus, &path, "{}") {
        assert_eq!(batch.into_iter().collect::<BTreeSet<u64>>(), (0..16).collect());
    }
}

#[test]
fn a_batch_larger_than_the_dataset_goes_round() {
    let corpus = Corpus::new(10);
    let run = corpus.run("[batch]\nglobal-batch-size = 35\n[policy]\nplugin = \"uniform\"\n");
    let ids: Vec<u64> = Sampler::start(&run).unwrap().next_batch().unwrap().unwrap().ids().collect();
    let times = |id: u64| ids.iter().filter(|&&found| found == id).count();
    assert!((0..10).all(|id| (3..=4).contains(&times(id))), "{ids:?}");
}

#[test]
fn the_smallest_and_the_largest_weights_are_shares_like_any_others() {
    let corpus = Corpus::new(200);
    let ids = |weights: &str| {
        let run = format!(
            "[batch]\nglobal-batch-size = 32\n[policy]\nplugin = \"mixture\"\nconfig = {{ column = \"domain\", weights = {weights} }}\n"
        );
        Sampler::start(&corpus.run(&run)).unwrap().next_batch().unwrap().unwrap().ids().collect::<Vec<_>>()
    };
    let even = ids("{ code = 1.0, prose = 1.0 }");
    assert_eq!(ids("{ code = 5e-324, prose = 5e-324 }"), even);
    assert_eq!(ids("{ code = 1.7e308, prose = 1.7e308 }"), even);
}

#[test]
fn what_changes_after_some_calls_is_no_fault_and_is_found_by_the_digests_of_two_ranks() {
    let corpus = Corpus::new(200);
    let policy = format!("[policy]\nplugin = {:?}\nconfig = {{ fill = \"drift\", at = 4 }}\n", evil("evil-policy").display().to_string());
    let run = corpus.run_file(&format!("[batch]\nglobal-batch-size = 16\n{policy}")).display().to_string();
    let digests = |text: &str| -> Vec<String> {
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["digest"].as_str().unwrap().to_owned()).collect()
    };
    // One rank runs through, another was restarted on the way: their instances have been called differently often.
    let whole = digests(&curricle_ok(&["sample", &run, "--steps", "0..6"]));
    let (out, state) = (corpus.path("out.jsonl").display().to_string(), corpus.path("state.json").display().to_string());
    for steps in ["0..3", "0..6"] {
        curricle_ok(&["sample", &run, "--steps", steps, "--out", &out, "--state", &state]);
    }
    let restarted = digests(&fs::read_to_string(&out).unwrap());
    assert_eq!(whole[..4], restarted[..4]);
    assert_ne!(whole[4], restarted[4]);
}

#[test]
fn a_file_that_is_replaced_while_it_is_used_changes_nothing() {
    let corpus = Corpus::new(200);
    let path = corpus.path("policy.wasm");
    let copy = |from: &Path| assert!(fs::copy(from, &path).unwrap() > 0);
    copy(&curricle_tests::plugin("uniform"));
    let expected = batches(&corpus, &path, "{}");
    let text =
        "seed = 7\nprefetch = 0\n[dataset]\npath = \"data\"\n[batch]\nglobal-batch-size = 16\n[policy]\nplugin = \"./policy.wasm\"\n";
    let open = || Run::open(RunConfig::parse(text, "run.toml", corpus.path("")).unwrap());
    let run = open().unwrap();
    let sha256 = run.policy().sha256();
    let mut sampler = Sampler::start(&run).unwrap();
    let mut batch = || sampler.next_batch().unwrap().unwrap().ids().collect::<Vec<u64>>();
    assert_eq!(batch(), expected[0]);
    // In place and by another file.
    fs::write(&path, b"no plugin any more").unwrap();
    assert_eq!(batch(), expected[1]);
    fs::remove_file(&path).unwrap();
    assert_eq!(batch(), expected[2]);
    copy(&evil("evil-policy"));
    assert_eq!(batch(), expected[3]);
    // A sampler of the same run starts from what was loaded; another run has the other plugin.
    let again: Vec<u64> = Sampler::start(&run).unwrap().next_batch().unwrap().unwrap().ids().collect();
    assert_eq!(again, expected[0]);
    assert_ne!(open().unwrap().policy().sha256(), sha256);
}

#[test]
fn a_path_may_have_links_and_dots_and_leads_to_the_same_plugin() {
    let corpus = Corpus::new(200);
    fs::create_dir(corpus.path("folder")).unwrap();
    fs::copy(curricle_tests::plugin("uniform"), corpus.path("real.wasm")).unwrap();
    symlink("../real.wasm", corpus.path("folder/link.wasm")).unwrap();
    let expected = batches(&corpus, &corpus.path("real.wasm"), "{}");
    for path in ["folder/link.wasm", "folder/../real.wasm", "folder/../folder/link.wasm"] {
        assert_eq!(batches(&corpus, &corpus.path(path), "{}"), expected);
    }
    // A digest pins what the path leads to, not the path.
    let limits = Limits::default();
    let pinned =
        curricle::hex(&PacingPlugin::load("p", &Source::Wat("own-id").file(&corpus.path("")), &Value::Null, &limits).unwrap().sha256());
    assert!(check_sha256("p", &corpus.path("hostile.wasm"), &pinned, &limits).is_ok());
    assert!(check_sha256("p", &corpus.path("folder/link.wasm"), &pinned, &limits).is_err());
    // A link in a circle and one to a folder are errors of the file system.
    symlink("circle.wasm", corpus.path("circle.wasm")).unwrap();
    symlink("folder", corpus.path("folder.wasm")).unwrap();
    for path in ["circle.wasm", "folder.wasm"] {
        let error = PacingPlugin::load("p", &corpus.path(path), &Value::Null, &limits).unwrap_err();
        assert_eq!(error.code(), "io", "{error}");
    }
}

#[test]
fn two_plugins_of_one_name_and_version_are_told_apart() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let load = |source: Source, folder: &Path| PacingPlugin::load("p", &source.file(folder), &Value::Null, &Limits::default()).unwrap();
    let first = load(Source::Wat("own-id"), one.path());
    let second = load(Source::Fields(String::new), other.path());
    assert_eq!(first.description(), second.description());
    assert_ne!(first.sha256(), second.sha256());
    let (mut first, mut second) = (first.instantiate().unwrap(), second.instantiate().unwrap());
    assert_eq!((first.difficulty(1).unwrap(), second.difficulty(1).unwrap()), (3.0, 0.0));
}

#[test]
fn many_may_load_one_plugin_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // Bytes that no cache has.
    let unique = format!(";; {:?}\n;; module: pacing\n(data (i32.const 60000) \"{}\")", folder.path(), folder.path().display());
    let path = folder.path().join("p.wasm");
    fs::write(&path, guest::component(&unique)).unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let plugin = PacingPlugin::load("p", &path, &Value::Null, &Limits::default()).unwrap();
                assert_eq!(plugin.instantiate().unwrap().difficulty(5).unwrap(), 0.0);
            });
        }
    });
}

#[test]
fn a_merge_that_lies_is_believed_since_nobody_can_tell() {
    let corpus = Corpus::new(200);
    let plugin = MetricPlugin::load("m", &evil("evil-metric"), &json!({ "answer": "lies" }), &Limits::default()).unwrap();
    let target = corpus.path("lies.arrow");
    analyze(&corpus.dataset(), &plugin, &target, &Options { threads: 2, ..Options::default() }).unwrap();
    // What it measured is right, and its totals are what it says.
    assert_eq!(Column::open(&target).unwrap().len(), 200);
}

#[test]
fn large_plugins_are_for_who_asks_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.wasm");
    fs::write(&path, bombs::padded()).unwrap();
    let error = PacingPlugin::load("p", &path, &Value::Null, &Limits::compiled()).unwrap_err().to_string();
    assert!(error.contains("preset = \"interpreted\""), "{error}");
    PacingPlugin::load("p", &path, &Value::Null, &Limits::interpreted()).unwrap();
}

#[test]
fn blocks_a_hundred_thousand_deep_are_code_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = Source::Fields(bombs::deep_blocks).file(folder.path());
    PacingPlugin::load("p", &path, &Value::Null, &Limits::default()).unwrap();
}

#[test]
fn a_thread_with_a_megabyte_of_stack_outlives_the_deepest_guest() {
    let corpus = Corpus::new(200);
    let path = Source::Wat("recursion-with-host-calls").file(&corpus.path(""));
    let deep = thread::Builder::new().stack_size(1 << 20).spawn(move || {
        let (config, limits) = (Value::Null, Limits::default());
        let failure = Bench::new("deep", &corpus, &path, &config, &limits).drive(Drive::Fill(0)).unwrap();
        assert_eq!(failure.error.code(), "plugin-trap");
    });
    deep.unwrap().join().unwrap();
}
