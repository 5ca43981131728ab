use curricle::RunConfig;
use serde_json::{Value, json};

use super::{options::Options, translate::translate};

/// Everything at once, all of it right.
fn everything() -> Value {
    let metric = |by: &str, clustering: &str, kind: &str, config: Value| {
        json!({
            "index_to_sample_path": "a/m/m_index_to_sample", "index_to_metric_path": "a/m/m_index_to_metric", "difficulty_type": by,
            "clustering_type": clustering, "min_difficulty": 1, "max_difficulty": 9, "schedule_type": kind, "schedule_config": config,
        })
    };
    let root = json!({ "total_curriculum_step": 10, "difficulty_step": 1, "root_degree": 2 });
    let linear = json!({ "total_curriculum_step": 10, "difficulty_step": 1 });
    let levels = json!({ "difficulty": [1, 9, 3], "max_step": [5, 10] });
    json!({
        "train_batch_size": 64,
        "train_micro_batch_size_per_gpu": 2,
        "gradient_accumulation_steps": 4,
        "dataloader_drop_last": false,
        "data_efficiency": {
            "enabled": true,
            "seed": 7,
            "data_sampling": {
                "enabled": true,
                "num_epochs": 2,
                "num_workers": 1,
                "pin_memory": true,
                "curriculum_learning": {
                    "enabled": true,
                    "data_cluster_path": "clusters",
                    "curriculum_metrics": {
                        "rarity": metric("percentile", "schedule_based", "fixed_root", root),
                        "levels": metric("value", "schedule_based", "fixed_discrete", levels),
                        "seqlen": metric("value", "single_cluster", "fixed_linear", linear),
                        "noise": metric("value", "single_cluster", "custom", json!({})),
                    },
                },
                "dynamic_batching": {
                    "enabled": true, "metrics_path": "a", "lr_scaling_method": "sqrt", "min_batch_size": 1, "max_batch_size": 10,
                    "sequence_picking_order": "seqlen", "max_tokens": 1000, "verbose": false,
                },
            },
            "data_routing": {
                "enabled": true,
                "random_ltd": {
                    "enabled": true, "total_layer_num": 4, "random_ltd_layer_num": 2, "random_ltd_layer_id": [1, 2],
                    "model_mask_name": "mask", "model_type": "decoder", "hidden_state_order": "seq_batch_dim",
                    "random_ltd_schedule": {
                        "min_value": 8, "max_value": 64, "schedule_type": "fixed_linear",
                        "schedule_config": { "require_steps": 10, "seq_per_step": 8 },
                    },
                    "layer_token_lr_schedule": { "enabled": false },
                },
            },
        },
    })
}

/// Pointers to everything in it.
fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| pointers(value, format!("{at}/{key}"), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, value)| pointers(value, format!("{at}/{i}"), found)),
        _ => {}
    }
    if !at.is_empty() {
        found.push(at);
    }
}

/// Either there is a run file that can be read, or there is something to say.
fn check(text: &str) -> bool {
    let (run_file, notes) = translate(text, "ds_config.json", &Options::default());
    match run_file {
        Some(run_file) => {
            assert!(notes.problems.is_empty());
            if let Err(error) = RunConfig::parse(&run_file, "run.toml", "") {
                panic!("{error}\n{run_file}\nof {text}");
            }
            true
        }
        None => {
            assert!(!notes.problems.is_empty());
            assert!(notes.problems.iter().all(|p| p.line > 0 && !p.problem.is_empty() && !p.remedy.is_empty()));
            false
        }
    }
}

#[test]
fn whatever_stands_in_place_of_a_value_is_translated_or_told() {
    let whole = everything();
    assert!(check(&whole.to_string()));
    let mut places = Vec::new();
    pointers(&whole, String::new(), &mut places);
    assert!(places.len() > 80);
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(0.5),
        json!(1e300),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
        json!(""),
        json!("auto"),
        json!("ö\"\\\n"),
        json!([]),
        json!([1, "x"]),
        json!({}),
        json!({ "enabled": true }),
    ];
    for place in &places {
        for value in &odd {
            let mut changed = whole.clone();
            *changed.pointer_mut(place).unwrap() = value.clone();
            check(&changed.to_string());
        }
    }
}

#[test]
fn a_key_that_is_missing_or_misspelt_is_translated_or_told() {
    let whole = everything();
    let mut places = Vec::new();
    pointers(&whole, String::new(), &mut places);
    for place in places {
        let (parent, key) = place.rsplit_once('/').unwrap();
        let mut changed = whole.clone();
        let Some(members) = changed.pointer_mut(parent).unwrap().as_object_mut() else { continue };
        let value = members.remove(key).unwrap();
        check(&changed.to_string());
        let members = changed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        members.insert(format!("{key}_"), value);
        // Names of metrics are the user's, and so is what stands at the top, unless it looks like one of the pipeline's keys.
        let named = parent.ends_with("curriculum_metrics");
        assert!(named || !check(&changed.to_string()), "{place}");
    }
}

#[test]
fn a_file_that_breaks_off_anywhere_is_told() {
    let text = everything().to_string();
    for end in 0..text.len() {
        assert!(!check(&text[..end]));
    }
}
