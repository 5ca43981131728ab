use curricle_tests::{curricle, curricle_ok};
use serde_json::Value;

fn measured(args: &[&str]) -> Value {
    serde_json::from_str(&curricle_ok(&[&["bench"], args, &["--json"]].concat())).unwrap()
}

#[test]
fn a_policy_a_pacing_function_and_a_packer_are_measured_in_time_and_fuel() {
    let cosine = ["cosine", "--config", "{\"min\": 1, \"max\": 9, \"steps\": 100}", "--steps", "200"];
    for args in [&["uniform", "--steps", "200"][..], &cosine, &["first-fit", "--steps", "60"]] {
        let facts = measured(args);
        let work = &facts["works"][0];
        let (times, fuel) = (&work["ns"], &work["fuel"]);
        assert!(times["n"].as_u64().unwrap() >= 50 && times["min"].as_f64() <= times["p50"].as_f64(), "{facts}");
        assert!(times["p50"].as_f64().unwrap() > 0.0 && times["p99"].as_f64() <= times["max"].as_f64(), "{facts}");
        assert!(fuel["min"].as_f64().unwrap() > 0.0 && work["memory"].as_u64().unwrap() > 0, "{facts}");
    }
    // Fuel is the same in every run.
    let fuel = || measured(&["uniform", "--steps", "100"])["works"][0]["fuel"].clone();
    assert_eq!(fuel(), fuel());
}

#[test]
fn a_metric_is_measured_in_tokens_a_second_for_every_width_and_pass() {
    let facts = measured(&["vocab-rarity", "--steps", "3"]);
    let works: Vec<&str> = facts["works"].as_array().unwrap().iter().map(|work| work["work"].as_str().unwrap()).collect();
    let of = |width| [format!("pass 0, tokens of {width} bytes"), format!("values, tokens of {width} bytes")];
    assert_eq!(works, [1, 2, 4].map(of).concat());
    assert!(facts["works"].as_array().unwrap().iter().all(|work| work["tokens_per_second"].as_f64().unwrap() > 1e6), "{facts}");
}

#[test]
fn a_policy_gets_the_columns_that_its_configuration_names() {
    let facts = measured(&["mixture", "--config", "{\"column\": \"site\", \"weights\": {\"a\": 2.0, \"b\": 1.0}}", "--steps", "100"]);
    assert_eq!(facts["works"][0]["work"], "step of 1024 samples");
    let table = curricle_ok(&["bench", "uniform", "--steps", "100"]);
    for words in ["uniform 0.", "step of 1024 samples", "middle half within", "with the host", "fuel", "KiB of memory"] {
        assert!(table.contains(words), "`{words}` is not in {table}");
    }
}

#[test]
fn a_policy_gets_the_pacing_functions_that_its_configuration_names() {
    let config = "{\"metrics\": [{\"column\": \"seqlen\", \"by\": \"percentile\", \"pacing\": \"grow\"}]}";
    let facts = measured(&["curriculum", "--config", config, "--steps", "100"]);
    let fuel = &facts["works"][0]["fuel"];
    assert!(fuel["p50"].as_f64().unwrap() > 0.0, "{facts}");
    // It rises, so another share of the samples is eligible at every step of it.
    assert!(fuel["max"].as_f64().unwrap() > fuel["min"].as_f64().unwrap(), "{facts}");
}

#[test]
fn a_rust_project_is_measured_beside_its_native_build() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("quick").display().to_string();
    curricle_ok(&["new", "quick", "--kind", "policy", "--lang", "rust", "--path", &project]);
    let facts = measured(&[&project, "--steps", "150"]);
    let work = &facts["works"][0];
    assert!(work["native_ns"]["n"].as_u64().unwrap() >= 100 && work["native_ratio"].as_f64().unwrap() > 0.0, "{facts}");
    // What was measured is there to be looked at.
    assert_eq!(facts["path"], format!("{project}/target/curricle/quick.wasm"));
    assert!(folder.path().join("quick/target/curricle/quick.wasm").is_file());
}

#[test]
fn what_cannot_be_measured_is_refused_with_what_to_do() {
    let refused = |args: &[&str]| String::from_utf8(curricle(&[&["bench"], args].concat()).stderr).unwrap();
    let text = refused(&["uniform", "--config", "{\"epochs\""]);
    assert!(text.contains("--config: it is no JSON") && text.contains("give a JSON object"), "{text}");
    let text = refused(&["uniform", "--config", "{\"epoch\": 1}"]);
    assert!(text.contains("epoch"), "{text}");
}
