//! Configurations of DeepSpeed, as run files.

use std::{fs, path::PathBuf, process::Output};

use curricle::RunConfig;
use curricle_tests::{Corpus, command, curricle_ok, hardness, length};
use serde_json::{Value, json};

/// Configurations that can be translated, with the options that they need.
const GOOD: [(&str, &[&str]); 5] = [
    ("gpt", &["--sequence-length", "2049"]),
    ("bert", &["--dataset", "/data/pile"]),
    ("tokens", &[]),
    ("legacy", &["--world-size", "8", "--dataset", "my-gpt2_text_document", "--sequence-length", "1025"]),
    ("ltd", &[]),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("it/deepspeed/convert")
}

fn convert(name: &str, options: &[&str]) -> Output {
    let config = format!("{name}.json");
    command().current_dir(folder()).args(["convert-deepspeed", &config]).args(options).output().unwrap()
}

fn as_json(name: &str, options: &[&str]) -> Value {
    let output = convert(name, &[options, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Compares with `convert/NAME.snap`.
fn assert_same(name: &str, found: &str) {
    insta::with_settings!({ snapshot_path => "convert", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, found);
    });
}

#[test]
fn configurations_become_the_run_files_beside_them() {
    for (name, options) in GOOD {
        let output = convert(name, options);
        assert!(output.status.success(), "{name}");
        let (run_file, report) = (text(output.stdout), text(output.stderr));
        RunConfig::parse(&run_file, name, "").unwrap();
        assert_same(name, &format!("{run_file}\n-- report --\n{report}"));
    }
}

/// B16.
#[test]
fn what_deepspeed_ignores_in_silence_is_refused_at_once_with_line_and_remedy() {
    let output = convert("mistakes", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(output.stdout), "");
    assert_same("mistakes", &text(output.stderr));
    let problems = &as_json("mistakes", &[])["problems"];
    let found = |path: &str| problems.as_array().unwrap().iter().any(|p| p["path"] == path);
    for path in [
        "data_sampling",
        "data_efficiency.data_sampling.enabled",
        "data_efficiency.data_sampling.dynamic_batching.sentence_picking_order",
        "data_efficiency.data_routing.enabled",
    ] {
        assert!(found(path), "{path}: {problems}");
    }
}

#[test]
fn every_key_of_a_configuration_has_a_fate() {
    for (name, options) in GOOD {
        let input = fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        // serde_json takes neither comments nor trailing commas.
        let plain: String = input.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join(" ");
        let mut plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        for _ in 0..4 {
            plain = plain.replace(", }", " }");
        }
        let mut leaves = Vec::new();
        walk(&serde_json::from_str(&plain).unwrap(), String::new(), &mut leaves);
        let keys = as_json(name, options)["keys"].clone();
        let known: Vec<&str> = keys.as_array().unwrap().iter().map(|key| key["path"].as_str().unwrap()).collect();
        assert!(leaves.len() > 5);
        for leaf in leaves {
            // A block that is switched off, or left to DeepSpeed, stands for what is in it.
            let covered = known.iter().any(|path| leaf == **path || leaf.starts_with(&format!("{path}.")));
            assert!(covered, "{name}: nothing is said of {leaf}");
            assert!(known.iter().filter(|path| leaf == **path).count() < 2, "{name}: {leaf} has two fates");
        }
    }
}

fn walk(value: &Value, path: String, leaves: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                walk(value, if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, leaves);
            }
        }
        _ => leaves.push(path),
    }
}

#[test]
fn a_run_file_is_written_where_none_is_or_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("curricle.toml");
    let out_text = out.display().to_string();
    let report = text(convert("gpt", &["--out", &out_text, "--sequence-length", "2049"]).stdout);
    assert!(report.starts_with("translated:\n"), "{report}");
    let first = fs::read_to_string(&out).unwrap();
    assert_eq!(text(convert("gpt", &["--out", "-", "--sequence-length", "2049"]).stdout), first);

    let refused = convert("bert", &["--out", &out_text]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(refused.stderr).contains("--out: `") && fs::read_to_string(&out).unwrap() == first);
    assert!(convert("bert", &["--out", &out_text, "--force"]).status.success());
    assert!(fs::read_to_string(&out).unwrap().contains("epochs = 5"));
    // A configuration that is refused leaves what was there.
    let before = fs::read_to_string(&out).unwrap();
    assert_eq!(convert("mistakes", &["--out", &out_text, "--force"]).status.code(), Some(2));
    assert_eq!(fs::read_to_string(&out).unwrap(), before);
}

/// Translates a configuration for a corpus, and gives the lines of `curricle sample`.
fn sampled(corpus: &Corpus, config: &Value, steps: u32) -> Vec<Value> {
    let path = |name: &str| corpus.path(name).display().to_string();
    fs::write(path("ds_config.json"), config.to_string()).unwrap();
    let run = path("curricle.toml");
    curricle_ok(&["convert-deepspeed", &path("ds_config.json"), "--dataset", &path("data"), "--out", &run, "--force"]);
    curricle_ok(&["simulate", &run, "--steps", &steps.to_string()]);
    let lines = curricle_ok(&["sample", &run, "--steps", &format!("0..{steps}")]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn metric(by: &str, clustering: &str, min: u32, max: u32, steps: u32) -> Value {
    json!({
        "index_to_sample_path": "a/b", "index_to_metric_path": "a/c", "difficulty_type": by, "clustering_type": clustering,
        "min_difficulty": min, "max_difficulty": max, "schedule_type": "fixed_linear",
        "schedule_config": { "total_curriculum_step": steps, "difficulty_step": 1 },
    })
}

fn micro_batches(line: &Value) -> Vec<Vec<u64>> {
    let batches = line["micro_batches"].as_array().unwrap();
    batches.iter().map(|ids| ids.as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()).collect()
}

fn ids(line: &Value) -> Vec<u64> {
    micro_batches(line).concat()
}

#[test]
fn a_converted_curriculum_draws_what_is_within_the_difficulties_of_each_step_for_its_epochs() {
    let corpus = Corpus::new(200);
    let config = json!({
        "train_batch_size": 24, "train_micro_batch_size_per_gpu": 6,
        "data_efficiency": { "enabled": true, "data_sampling": {
            "enabled": true, "num_epochs": 3,
            "curriculum_learning": { "enabled": true, "curriculum_metrics": {
                "length": metric("value", "schedule_based", 10, 40, 10),
                "hardness": metric("percentile", "schedule_based", 10, 50, 20),
                "seqlen_truncate": metric("value", "single_cluster", 4, 40, 30),
            }},
        }},
    });
    let lines = sampled(&corpus, &config, 100);
    // 3 × 200 samples: 25 global batches.
    assert_eq!(lines.len(), 25);
    let mut by_hardness: Vec<u64> = (0..200).collect();
    by_hardness.sort_by_key(|&id| (hardness(id), id));
    for (step, line) in (1_u64..).zip(&lines) {
        let longest = (10 + step * 30 / 10).min(40);
        let parts = (10 + step * 40 / 20).min(50);
        let cut = (4 + step * 36 / 30).min(40);
        let eligible = &by_hardness[..(200 * parts / 50) as usize];
        for id in ids(line) {
            assert!(u64::from(length(id)) <= longest && eligible.contains(&id), "step {step}, sample {id}");
        }
        let annotations = &line["annotations"];
        assert_eq!(annotations["difficulty:length"].as_f64(), Some(longest as f64), "{annotations}");
        assert_eq!(annotations["difficulty:hardness"].as_f64(), Some(parts as f64));
        assert_eq!(annotations["difficulty:seqlen_truncate"].as_f64(), Some(cut as f64));
    }
}

#[test]
fn a_converted_budget_keeps_every_forward_pass_within_its_tokens() {
    let corpus = Corpus::new(2000);
    let config = json!({
        "train_batch_size": 8, "train_micro_batch_size_per_gpu": 2,
        "data_efficiency": { "enabled": true, "data_sampling": {
            "enabled": true,
            "dynamic_batching": { "enabled": true, "max_tokens": 100, "lr_scaling_method": "linear" },
        }},
    });
    for line in sampled(&corpus, &config, 10) {
        let batches = micro_batches(&line);
        assert_eq!(batches.len(), 4);
        let mut samples = 0;
        for ids in batches {
            assert!(!ids.is_empty() && ids.iter().map(|&id| length(id)).sum::<u32>() <= 200);
            samples += ids.len();
        }
        assert_eq!(line["annotations"]["learning-rate-factor"].as_f64(), Some(samples as f64 / 8.0));
    }
    let mean = (0..2000).map(|id| f64::from(length(id))).sum::<f64>() / 2000.0;
    let in_hand = 4 * 4 * (200.0 / mean).ceil() as u32;
    let run_file = fs::read_to_string(corpus.path("curricle.toml")).unwrap();
    assert!(run_file.contains(&format!("global-batch-size = {in_hand}\n")), "{in_hand}: {run_file}");
}

#[test]
fn a_converted_length_curriculum_and_random_ltd_annotate_each_batch() {
    let corpus = Corpus::new(200);
    let config = json!({
        "train_batch_size": 16,
        "curriculum_learning": { "enabled": true, "curriculum_type": "seqlen", "min_difficulty": 8, "max_difficulty": 32,
            "schedule_type": "fixed_linear", "schedule_config": { "total_curriculum_step": 12, "difficulty_step": 8 } },
        "data_efficiency": { "enabled": true, "data_routing": { "enabled": true, "random_ltd": {
            "enabled": true, "total_layer_num": 4, "random_ltd_layer_num": 2, "random_ltd_layer_id": [1, 2], "model_type": "encoder",
            "random_ltd_schedule": { "min_value": 4, "max_value": 40, "schedule_type": "fixed_linear",
                "schedule_config": { "require_steps": 9, "seq_per_step": 4 } },
        }}},
    });
    let mut layer_tokens = 0;
    for (step, line) in (0_u32..).zip(sampled(&corpus, &config, 15)) {
        let cut = ((8 + (step + 1) * 24 / 12) / 8 * 8).min(32);
        let kept = (4 + step * 36 / 9).min(40);
        let annotations = &line["annotations"];
        assert_eq!(annotations["difficulty:seqlen"].as_f64(), Some(f64::from(cut)), "step {step}: {annotations}");
        assert_eq!(annotations["random-ltd:kept-length"].as_f64(), Some(f64::from(kept)));
        layer_tokens += ids(&line).iter().map(|&id| length(id).min(cut)).map(|n| 2 * n.min(kept) + 2 * n).sum::<u32>();
        assert_eq!(annotations["random-ltd:layer-tokens"].as_f64(), Some(f64::from(layer_tokens)));
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_text_file_is_refused_and_not_waited_for() {
    for (config, problem) in [("/dev/zero", "it is not a regular file"), ("/", "it is not a regular file"), ("gpt", "No such file")] {
        let output = command().current_dir(folder()).args(["convert-deepspeed", config]).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(5), "{message}");
        assert!(message.contains(config) && message.contains(problem), "{message}");
        assert!(output.stdout.is_empty());
    }
}
