use std::{cell::Cell, fs, path::PathBuf, rc::Rc};

use curricle_harness::{Outcome, Report, Scenario, Suite};
use curricle_tests::{curricle_ok, plugin};
use serde_json::json;

use super::told;

/// Runs a scenario with a built-in plugin.
fn run(name: &str, text: &str) -> Report {
    let (folder, path) = write(text);
    let report = Scenario::read(&path).unwrap().run(plugin(name)).unwrap();
    drop(folder);
    report
}

fn write(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("warm.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

/// How the failure of a scenario is told.
fn fails(name: &str, text: &str) -> String {
    let (folder, path) = write(text);
    let report = Scenario::read(&path).unwrap().run(plugin(name)).unwrap();
    assert!(!report.is_ok(), "{report}");
    told(&report, &plugin(name)).replace(&folder.path().display().to_string(), "DIR")
}

/// Why a scenario cannot be read.
fn unread(text: &str) -> String {
    let (folder, path) = write(text);
    Scenario::read(&path).unwrap_err().to_string().replace(&folder.path().display().to_string(), "DIR")
}

const MIXTURE: &str = r#"
steps = 40
global-batch-size = 20
seed = 7
[dataset]
samples = 1000
[dataset.columns]
domain = { categories = { web = 700, code = 300 } }
[config]
column = "domain"
weights = { web = 1.0, code = 3.0 }
"#;

const CURRICULUM: &str = r#"
steps = 60
global-batch-size = 16
[dataset]
samples = 800
lengths = { from = 1, to = 100 }
[dataset.columns]
seqlen = "lengths"
[pacing.rise]
kind = "linear"
min = 10
max = 100
steps = 50
[config]
metrics = [{ column = "seqlen", by = "value", pacing = "rise" }]
"#;

#[test]
fn shares_hold_over_a_range_of_steps_for_streams_and_categories() {
    run(
        "mixture",
        &format!(
            "{MIXTURE}[expect]\nshares = [{{ column = \"domain\", category = \"code\", at-least = 0.7, at-most = 0.8 }},\n\
             {{ stream = \"domain=code\", steps = [0, 10], equal = 0.75 }}]\nannotations = [{{ name = \"share:code\", equal = 0.75 }}]\n"
        ),
    )
    .assert();
    insta::assert_snapshot!(
        "scenario-share",
        fails(
            "mixture",
            &format!("{MIXTURE}[expect]\nshares = [{{ column = \"domain\", category = \"code\", steps = [0, 10], at-most = 0.4 }}]\n")
        )
    );
    insta::assert_snapshot!(
        "scenario-stream",
        fails("mixture", &format!("{MIXTURE}[expect]\nshares = [{{ stream = \"domain=cod\", at-most = 0.4 }}]\n"))
    );
}

#[test]
fn no_sample_is_above_the_difficulty_of_its_step() {
    let never = |bound: &str| format!("{CURRICULUM}[expect]\nnever-above = [{{ column = \"seqlen\", {bound} }}]\n");
    run("curriculum", &never("annotation = \"difficulty:seqlen\"")).assert();
    run("curriculum", &never("at-most = 10, steps = [0, 1]")).assert();
    insta::assert_snapshot!("scenario-above", fails("curriculum", &never("at-most = 50")));
}

#[test]
fn every_sample_comes_once_before_any_comes_twice_or_it_is_told() {
    let uniform = "steps = 30\nglobal-batch-size = 7\n[dataset]\nsamples = 50\n[expect]\nonce-before-twice = true\n";
    run("uniform", uniform).assert();
    insta::assert_snapshot!("scenario-twice", fails("mixture", &format!("{MIXTURE}[expect]\nonce-before-twice = true\n")));
}

#[test]
fn the_end_of_a_run_is_where_it_was_expected() {
    let ends = |n: u64| {
        format!("steps = 90\nglobal-batch-size = 10\n[dataset]\nsamples = 50\n[config]\nepochs = 2\n[expect]\nexhausted-after = {n}\n")
    };
    run("uniform", &ends(10)).assert();
    assert!(fails("uniform", &ends(11)).contains("- 11 steps"));
}

#[test]
fn a_refusal_is_expected_by_kind_and_words() {
    let refused = |config: &str, expect: &str| format!("[dataset]\nsamples = 10\n[config]\n{config}\n[expect]\nrefused = {expect}\n");
    run("uniform", &refused("epochs = 0", "\"config\"")).assert();
    run("uniform", &refused("epoch = 1", "{ by = \"config\", says = \"did you mean `epochs`\" }")).assert();
    let mixture = refused("column = \"nowhere\"\nweights = { a = 1.0 }", "{ by = \"data\", says = \"nowhere\" }");
    run("mixture", &mixture).assert();
    insta::assert_snapshot!("scenario-refused", fails("uniform", &refused("epochs = 1", "\"config\"")));
}

#[test]
fn a_scenario_that_is_wrong_itself_is_no_refusal_of_the_plugins() {
    let lacking = |config: &str| format!("{config}\n[expect]\nrefused = \"config\"\n");
    // These plugins take the configuration, and there is no data to go on with.
    assert!(fails("seqlen", &lacking("")).contains("it refused nothing"));
    assert!(fails("first-fit", &lacking("")).contains("it refused nothing"));
    assert!(fails("first-fit", &lacking("capacity = 9")).contains("there is nothing to pack"));
    assert!(fails("uniform", &lacking("global-batch-size = 0")).contains("is 0"));
    assert!(fails("uniform", &lacking("capacity = 9")).contains("`capacity` has no meaning for a policy"));
    // A refusal takes no data.
    run("seqlen", &lacking("[config]\npad-token = -1")).assert();
    run("seqlen", &lacking("[config]\npad = 1")).assert();
    run("first-fit", &lacking("[config]\nx = 1")).assert();
}

#[test]
fn words_of_a_refusal_are_those_of_the_plugin_or_its_schema_alone() {
    let says = |config: &str, by: &str, says: &str| {
        format!("[dataset]\nsamples = 10\n[config]\n{config}\n[expect]\nrefused = {{ by = \"{by}\", says = \"{says}\" }}\n")
    };
    run("uniform", &says("epochs = 0", "config", "`epochs`")).assert();
    // The path of its file, and what the host advises.
    assert!(fails("uniform", &says("epochs = 0", "config", "uniform.wasm")).contains("it refused otherwise"));
    let data = |word: &str| says("column = \"nowhere\"\nweights = { a = 1.0 }", "data", word);
    run("mixture", &data("nowhere")).assert();
    assert!(fails("mixture", &data("change the configuration")).contains("it refused otherwise"));
}

#[test]
fn what_is_refused_or_missing_is_told_with_its_place_in_the_scenario() {
    let told = fails("uniform", "[dataset]\nsamples = 10\n[config]\nepochs = 0\n[expect]\n");
    assert!(told.contains("key `epochs`: found 0") && told.contains("at DIR/warm.toml:4:10"), "{told}");
    let told = fails("curriculum", &CURRICULUM.replace("by = \"value\"", "by = \"size\"").replace("[config]", "[expect]\n[config]"));
    assert!(told.contains("metrics[0]") && told.contains("at DIR/warm.toml:16:38"), "{told}");
    let told = fails("uniform", "global-batch-size = 0\n[expect]\n");
    assert!(told.contains("at DIR/warm.toml:1:21"), "{told}");
    let told = fails("uniform", "[dataset]\npath = \"nowhere\"\n[expect]\n");
    assert!(told.contains("nowhere") && told.contains("at DIR/warm.toml:2:8"), "{told}");
    let told = fails("uniform", "steps = 2\n[pacing.p]\nkind = \"plugin\"\nplugin = \"no.wasm\"\n[expect]\n");
    assert!(told.contains("no.wasm") && told.contains("at DIR/warm.toml:"), "{told}");
}

#[test]
fn more_data_than_a_test_should_make_is_refused_before_it_is_made() {
    let of = |dataset: &str| format!("[dataset]\n{dataset}\n[expect]\n");
    let told = fails("uniform", &of("lengths = 4294967295"));
    assert!(told.contains("a synthetic sample of 4 294 967 295 tokens") && told.contains("warm.toml:2:11"), "{told}");
    let told = fails("uniform", &of("samples = 900000000"));
    assert!(told.contains("900 000 000 synthetic samples") && told.contains("give at most 100 000 000"), "{told}");
    let told = fails("uniform", &of("samples = 90000000\nlengths = 1000"));
    assert!(told.contains("about 90 000 000 000 synthetic tokens in all"), "{told}");
    // Those that are made where nothing is said of their number.
    let told = fails("uniform", &of("lengths = 16777216"));
    assert!(told.contains("about 16 777 216 000 synthetic tokens in all") && told.contains("warm.toml:1:1"), "{told}");
    let told = fails("seqlen", &of("samples = 1000000\nlengths = 1000"));
    assert!(told.contains("about 1 000 000 000 synthetic tokens in all"), "{told}");
    let told = fails("cosine", "[config]\nmin = 0\nmax = 8\nsteps = 4\n[expect]\nsnapshot = 9000000000000000000\n");
    assert!(told.contains("a snapshot of 9 000 000 000 000 000 000 lines") && told.contains("warm.toml:6:12"), "{told}");
}

#[test]
fn keys_of_a_dataset_that_do_not_go_together_are_told_with_their_place() {
    let of = |dataset: &str| format!("[dataset]\n{dataset}\n[expect]\n");
    let told = fails("uniform", &of("samples = 10\nsequence-length = 4"));
    assert!(told.contains("`sequence-length` has no meaning without `path`") && told.contains("warm.toml:3:1"), "{told}");
    let told = fails("uniform", &of("path = \"x\"\nlengths = 4"));
    assert!(told.contains("`lengths` has no meaning beside `path`") && told.contains("warm.toml:3:1"), "{told}");
    let told = fails("seqlen", &of("samples = 10\npath = \"x\""));
    assert!(told.contains("`path` has no meaning in the [dataset] of a metric"), "{told}");
}

#[test]
fn numbers_that_nothing_can_be_held_to_are_refused() {
    insta::assert_snapshot!(
        unread("[expect]\nfill-at-least = nan\n"),
        @"DIR/warm.toml:2:17: `nan` in `fill-at-least` is neither above nor below anything; give a number"
    );
    insta::assert_snapshot!(
        unread("[expect]\ndifficulty = [[0, 1.0], [1, nan]]\n"),
        @"DIR/warm.toml:2:29: `nan` in `difficulty` is neither above nor below anything; give a number"
    );
    for tolerance in ["inf", "-0.5", "-1"] {
        let told = unread(&format!("[expect]\ntolerance = {tolerance}\n"));
        assert!(told.contains("warm.toml:2:13: `tolerance` is no distance"), "{told}");
    }
    let told = unread("[config]\nx = [1, inf]\n[expect]\n");
    assert!(told.contains("warm.toml, config.x[1]: inf has no form in JSON"), "{told}");
    let told = fails("first-fit", "lengths = [3, 8]\ncapacity = 10\n[expect]\nbins = [0, 1, 2]\n");
    assert!(told.contains("there are 3 bins for 2 samples"), "{told}");
}

#[test]
fn a_scenario_of_epochs_is_planned_to_their_end() {
    let ends = |steps: &str, n: u64| format!("{steps}global-batch-size = 10\n[dataset]\nsamples = 200\n[expect]\nexhausted-after = {n}\n");
    run("uniform", &ends("epochs = 2\n", 40)).assert();
    assert!(fails("uniform", &ends("epochs = 2\n", 20)).contains("+ 40 steps"));
    // Without `steps` a run that goes on is not taken for one that ended.
    assert!(fails("uniform", &ends("", 20)).contains("+ 21 steps"));
    run("uniform", &ends("steps = 20\n", 20)).assert();
}

#[test]
fn the_suite_has_columns_like_those_beside_the_dataset_of_the_scenario() {
    let (folder, path) = write("[dataset]\npath = \"corpus\"\n[config]\ncolumn = \"domain\"\nweights = { a = 1.0, b = 1.0 }\n[expect]\n");
    let texts: Vec<String> =
        (0..40).map(|i| format!("{{\"text\": \"{}\", \"kind\": \"{}\"}}\n", "x".repeat(i + 1), ["a", "b"][i % 2])).collect();
    let lines = folder.path().join("texts.jsonl");
    fs::write(&lines, texts.concat()).unwrap();
    let out = folder.path().join("corpus");
    curricle_ok(&["import", lines.to_str().unwrap(), "--domain", "field:kind", "--out", out.to_str().unwrap()]);
    let scenario = Scenario::read(&path).unwrap();
    scenario.run(plugin("mixture")).unwrap().assert();
    Suite::of(plugin("mixture")).unwrap().like(&scenario).quick().only("starts").run().unwrap().assert();
}

#[test]
fn a_plugin_that_does_not_start_is_asked_no_more() {
    let ask = |only: &str| {
        let asked = Rc::new(Cell::new(0));
        let counted = asked.clone();
        let suite = Suite::of(plugin("mixture")).unwrap().config(json!({"column": "nowhere", "weights": {"a": 1.0}})).quick();
        let report = suite.only(only).interrupted(move || counted.replace(counted.get() + 1) > 1000).run().unwrap();
        (asked.get(), report)
    };
    let (all, report) = ask("");
    assert_eq!(report.failed(), 1, "{report}");
    assert!(report.checks.iter().skip(2).all(|check| matches!(check.outcome, Outcome::Skipped { .. })), "{report}");
    assert_eq!(all, ask("starts").0, "a check that is skipped asks whether to stop");
}

#[test]
fn a_snapshot_is_written_on_request_and_compared_from_then_on() {
    let text = "steps = 3\nglobal-batch-size = 4\n[dataset]\nsamples = 50\n[expect]\nsnapshot = 2\n";
    let (folder, path) = write(text);
    let read = || Scenario::read(&path).unwrap();
    let missing = read().run(plugin("uniform")).unwrap();
    assert!(missing.to_string().contains("`--update` writes it"), "{missing}");
    read().update(true).run(plugin("uniform")).unwrap().assert();
    let snap = fs::read_to_string(folder.path().join("warm.snap")).unwrap();
    assert_eq!(snap.lines().count(), 2, "{snap}");
    assert!(snap.starts_with("step 0: 4 of `"), "{snap}");
    read().run(plugin("uniform")).unwrap().assert();
    // As git may check it out.
    fs::write(folder.path().join("warm.snap"), snap.replace('\n', "\r\n")).unwrap();
    read().run(plugin("uniform")).unwrap().assert();
    fs::write(folder.path().join("warm.snap"), b"\xff").unwrap();
    let unread = read().run(plugin("uniform")).unwrap().to_string();
    assert!(unread.contains("warm.snap") && unread.contains("`--update` writes it again"), "{unread}");
    read().update(true).run(plugin("uniform")).unwrap().assert();
    fs::write(&path, text.replace("steps = 3", "steps = 3\nseed = 2")).unwrap();
    let other = read().run(plugin("uniform")).unwrap();
    assert!(!other.is_ok() && other.to_string().contains("+ step 0: 4 of"), "{other}");
}

#[test]
fn metrics_pacing_functions_and_packers_have_scenarios() {
    run("seqlen", "samples = [[1, 2, 3], [4], []]\n[expect]\nvalues = [3, 1, 0]\ntype = \"uint32\"\n").assert();
    run("seqlen", "[dataset]\nsamples = 100\n[config]\npad-token = 0\n[expect]\ntype = \"uint32\"\n").assert();
    let frequency = "samples = [[1, 2, 1], [300]]\n[config]\n[expect]\ntotals = [0, 2, 1]\n";
    assert!(fails("vocab-frequency", frequency).contains("a total is another"));
    run(
        "cosine",
        "[config]\nmin = 0\nmax = 8\nsteps = 4\n[expect]\ndifficulty = [[0, 0], [2, 4], [9, 8]]\ntolerance = 1e-9\nnever-falls = true\n",
    )
    .assert();
    insta::assert_snapshot!(
        "scenario-difficulty",
        fails("cosine", "[config]\nmin = 0\nmax = 8\nsteps = 4\n[expect]\ndifficulty = [[0, 0], [2, 5]]\n")
    );
    let packer = "lengths = [3, 8, 5, 2]\ncapacity = 10\n[expect]\n";
    run("first-fit", &format!("{packer}bins = [0, 1, 0, 0]\nat-most-bins = 2\nfill-at-least = 0.9\n")).assert();
    insta::assert_snapshot!("scenario-bins", fails("first-fit", &format!("{packer}bins = [0, 1, 0, 1]\n")));
}

#[test]
fn a_typo_is_told_with_its_place_and_the_key_that_was_meant() {
    insta::assert_snapshot!(unread("stpes = 5\n[expect]\n"), @"DIR/warm.toml:1:1: unknown key `stpes`; did you mean `steps`?");
    insta::assert_snapshot!(
        unread("[expect]\nshares = [\n  { stream = \"a\", at-lest = 0.5 },\n]\n"),
        @"DIR/warm.toml:3:19: unknown key `at-lest`; did you mean `at-least`?"
    );
    insta::assert_snapshot!(
        unread("[dataset]\nlengths = { form = 1, to = 2 }\n[expect]\n"),
        @"DIR/warm.toml:2:13: unknown key `form`; did you mean `from`?"
    );
    assert!(unread("steps = \"x\"\n[expect]\n").starts_with("DIR/warm.toml:1:9: invalid type: string"));
    assert!(unread("steps = 5\n").contains("missing field `expect`"));
}

#[test]
fn a_key_of_another_kind_is_told_with_its_place() {
    insta::assert_snapshot!("scenario-kind", fails("uniform", "steps = 5\ncapacity = 9\n[expect]\n"));
    assert!(
        fails("cosine", "[config]\nmin = 0\nmax = 8\nsteps = 4\n[expect]\nbins = [1]\n").contains("`bins` has no meaning for a pacing")
    );
}

#[test]
fn the_scenarios_in_the_documentation_can_be_read() {
    let page = fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/testing.md")).unwrap();
    let blocks: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 5);
    for block in blocks {
        let (_folder, path) = write(block);
        Scenario::read(&path).unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
    let written =
        |kind: &str| page.split(&format!("### Of a {kind}")).nth(1).unwrap().split("```toml\n").nth(1).unwrap().split("```").next();
    run("first-fit", written("packer").unwrap()).assert();
    run("seqlen", written("metric").unwrap()).assert();
}
