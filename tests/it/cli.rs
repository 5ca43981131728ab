use std::fs;

use curricle_tests::{Corpus, curricle, curricle_ok};
use serde_json::Value;

const RUN: &str = "[batch]\nglobal-batch-size = 24\nmicro-batch-size = 4\n[policy]\nplugin = \"mixture\"\n\
                   config = { column = \"domain\", weights = { code = 2.0, prose = 1.0 } }\n";

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn path(corpus: &Corpus, name: &str) -> String {
    corpus.path(name).display().to_string()
}

#[test]
fn sample_prints_one_line_a_step_and_ranks_agree_on_the_digest() {
    let corpus = Corpus::new(200);
    let run = corpus.run_file(RUN).display().to_string();
    let whole = lines(&curricle_ok(&["sample", &run, "--steps", "3..7"]));
    assert_eq!(whole.iter().map(|l| l["step"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4, 5, 6]);
    assert_eq!(whole[0]["micro_batches"].as_array().unwrap().len(), 6);
    for rank in ["0", "1"] {
        let part = lines(&curricle_ok(&["sample", &run, "--steps", "3..7", "--dp-rank", rank, "--dp-world-size", "2"]));
        for (part, whole) in part.iter().zip(&whole) {
            assert_eq!(part["digest"], whole["digest"]);
            assert_eq!(part["micro_batches"].as_array().unwrap().len(), 3);
        }
    }
}

#[test]
fn a_killed_run_goes_on_to_the_same_batches() {
    let corpus = Corpus::new(200);
    let run = corpus.run_file(RUN).display().to_string();
    let whole = curricle_ok(&["sample", &run, "--steps", "0..30", "--tokens"]);
    let (out, state) = (path(&corpus, "out.jsonl"), path(&corpus, "state.json"));
    let args = ["sample", &run, "--steps", "0..30", "--tokens", "--out", &out, "--state", &state, "--save-every", "4", "--die-after"];
    for die_after in ["3", "13", "14", "22"] {
        assert!(!curricle(&[&args[..], &[die_after]].concat()).status.success());
    }
    curricle_ok(&args[..args.len() - 1]);
    let mut seen = std::collections::BTreeMap::new();
    for line in lines(&fs::read_to_string(out).unwrap()) {
        let step = line["step"].as_u64().unwrap();
        if let Some(earlier) = seen.insert(step, line.clone()) {
            assert_eq!(earlier, line);
        }
    }
    assert_eq!(seen.into_values().collect::<Vec<_>>(), lines(&whole));
}

#[test]
fn simulate_writes_a_table_and_a_picture_and_its_summary_adds_up() {
    let corpus = Corpus::new(200);
    let run = corpus.run_file(RUN).display().to_string();
    let (csv, svg) = (path(&corpus, "draws.csv"), path(&corpus, "draws.svg"));
    let summary = curricle_ok(&["simulate", &run, "--steps", "50", "--csv", &csv, "--plot", &svg, "--json"]);
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["samples"], 50 * 24);
    let drawn: u64 = summary["streams"].as_array().unwrap().iter().map(|s| s["drawn"].as_u64().unwrap()).sum();
    assert_eq!(drawn, 50 * 24);
    let csv = fs::read_to_string(csv).unwrap();
    let in_csv: u64 = csv.lines().filter(|l| l.contains(",draw,")).map(|l| l.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(in_csv, 50 * 24);
    let svg = fs::read_to_string(svg).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("code") && svg.trim_end().ends_with("</svg>"), "{}", &svg[..200]);
}

#[test]
fn exit_codes_tell_what_kind_of_thing_went_wrong() {
    let corpus = Corpus::new(200);
    let code = |args: &[&str]| curricle(args).status.code();
    let run = corpus.run_file(RUN).display().to_string();
    assert_eq!(code(&["sample", &run, "--steps", "0..1"]), Some(0));
    assert_eq!(code(&["sample", &run, "--steps", "9"]), Some(2));
    assert_eq!(code(&["sample", &run, "--state", &path(&corpus, "s.json"), "--save-every", "0"]), Some(2));
    assert_eq!(code(&["sample", &run, "--steps", "0..900000000", "--state", &path(&corpus, "missing/s.json")]), Some(5));
    assert_eq!(code(&["sample", &path(&corpus, "missing.toml")]), Some(5));
    let wrong = corpus.run_file(&RUN.replace("micro-batch-size", "micro-bach-size")).display().to_string();
    assert_eq!(code(&["sample", &wrong]), Some(2));
    let refused = corpus.run_file(&RUN.replace("code = 2.0", "poems = 2.0")).display().to_string();
    assert_eq!(code(&["sample", &refused]), Some(4));
    fs::write(corpus.path("data.idx"), b"no index").unwrap();
    assert_eq!(code(&["info", &path(&corpus, "data.idx")]), Some(3));
}

#[test]
fn info_knows_datasets_columns_runs_states_and_plugins() {
    let corpus = Corpus::new(200);
    let run = corpus.run_file(RUN).display().to_string();
    let info = |what: &str| -> Value { serde_json::from_str(&curricle_ok(&["info", what, "--json"])).unwrap() };
    assert_eq!(info(&path(&corpus, "data"))["samples"], 200);
    let column = corpus.dataset().columns_dir().join("domain.arrow").display().to_string();
    assert_eq!(info(&column)["kind"], "category");
    assert_eq!(info(&run)["global_batch_size"], 24);
    assert_eq!(info("mixture")["world"], "policy-plugin");
    let state = path(&corpus, "state.json");
    curricle_ok(&["sample", &run, "--steps", "0..5", "--state", &state]);
    assert_eq!(info(&state)["next_step"], 5);
    assert!(curricle_ok(&["info", &path(&corpus, "data"), "--check"]).contains("fingerprint"));
}

#[test]
fn every_verb_explains_itself_with_an_example() {
    for verb in ["import", "info", "analyze", "merge", "simulate", "sample", "convert-deepspeed"] {
        let help = curricle_ok(&[verb, "--help"]);
        assert!(help.contains("Example"), "{verb}: {help}");
    }
}

#[test]
fn the_log_filter_lets_plans_and_calls_of_plugins_through_and_is_silent_by_default() {
    let corpus = Corpus::new(200);
    let run = corpus.run_file(RUN).display().to_string();
    let errors = |args: &[&str]| String::from_utf8(curricle(args).stderr).unwrap();
    assert_eq!(errors(&["sample", &run, "--steps", "0..2"]), "");
    let debug = errors(&["sample", &run, "--steps", "0..2", "--log", "curricle=debug"]);
    assert!(debug.contains("plan{step=1}: curricle::sampler::planner: planned") && debug.contains("opened stream="), "{debug}");
    let trace = errors(&["sample", &run, "--steps", "0..2", "--log", "curricle=trace"]);
    assert!(trace.contains("plan{step=1}:call{plugin=\"mixture\" call=\"policy.fill\" step=1}"), "{trace}");
    assert!(errors(&["sample", &run, "--log", "a=b=c"]).contains("is no filter"));
}
