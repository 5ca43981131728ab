use std::time::{Duration, Instant};

use curricle_harness::Suite;
use curricle_tests::plugin;
use serde_json::{Value, json};

/// Every built-in plugin with a configuration that does something.
fn plugins() -> Vec<(&'static str, Option<Value>)> {
    vec![
        ("uniform", None),
        ("mixture", Some(json!({"column": "domain", "weights": {"code": 2.0, "web": 1.0}}))),
        ("curriculum", Some(json!({"metrics": [{"column": "seqlen", "by": "percentile", "pacing": "ramp"}]}))),
        ("seqlen", None),
        ("vocab-frequency", None),
        ("vocab-rarity", None),
        ("seqlen-vocab-rarity", None),
        ("cosine", Some(json!({"min": 8.0, "max": 64.0, "steps": 100}))),
        ("first-fit", None),
        ("best-fit-decreasing", None),
        ("length-sorted", None),
    ]
}

#[test]
fn every_built_in_plugin_conforms_and_the_quick_suite_is_quick() {
    for (name, config) in plugins() {
        let begun = Instant::now();
        let mut suite = Suite::of(plugin(name)).unwrap().quick();
        if let Some(config) = config {
            suite = suite.config(config);
        }
        let report = suite.run().unwrap();
        report.assert();
        assert_eq!(report.plugin, name);
        assert!(report.checks.len() >= 9, "{report}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{name} took {:?}", begun.elapsed());
    }
}

#[test]
fn every_built_in_plugin_conforms_as_its_schema_says_it_is_configured() {
    for name in ["uniform", "mixture", "curriculum", "cosine", "seqlen"] {
        Suite::of(plugin(name)).unwrap().quick().only("starts").run().unwrap().assert();
    }
}

#[test]
fn a_policy_conforms_on_ten_million_samples_within_the_time_of_a_coffee() {
    let begun = Instant::now();
    let suite = Suite::of(plugin("mixture")).unwrap().config(json!({"column": "domain", "weights": {"code": 2.0, "web": 1.0}}));
    suite.run().unwrap().assert();
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}
