//! Difficulties by step.

use std::{fs, path::Path};

use curricle::{
    Planner,
    pacing::{Curve, Pacing},
};
use curricle_tests::Corpus;
use serde_json::Value;

/// A file that DeepSpeed's own code made.
pub(super) fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/deepspeed").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The built-in curve of one of DeepSpeed's schedules.
fn pacing(kind: &str, config: &Value) -> Pacing {
    let (number, schedule) = (|key: &str| config[key].as_f64().unwrap(), &config["schedule_config"]);
    let curve = match kind {
        "fixed_linear" | "fixed_root" => Curve::Power {
            min: number("min_difficulty"),
            max: number("max_difficulty"),
            steps: schedule["total_curriculum_step"].as_u64().unwrap(),
            degree: schedule["root_degree"].as_f64().unwrap_or(1.0),
            quantum: schedule["difficulty_step"].as_f64(),
            falling: false,
        },
        "fixed_discrete" => Curve::Discrete {
            difficulty: numbers(&schedule["difficulty"]),
            until: numbers(&schedule["max_step"]).into_iter().map(|step| step as u64).collect(),
            hold_at: Some(number("max_difficulty")),
        },
        other => panic!("{other}"),
    };
    let pacing = Pacing { first_step: 1, curve };
    pacing.check(str::to_owned).unwrap();
    pacing
}

/// F8 to F10, F12 to F14.
#[test]
fn every_schedule_has_deepspeeds_difficulty_at_every_step() {
    let schedules = golden("schedules.json");
    let schedules = schedules.as_array().unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for schedule in schedules {
        let kind = schedule["kind"].as_str().unwrap();
        kinds.insert(kind);
        let pacing = pacing(kind, &schedule["config"]);
        for (step, value) in numbers(&schedule["steps"]).into_iter().zip(numbers(&schedule["values"])) {
            // Steps count from 0 here and from 1 there.
            assert_eq!(pacing.difficulty(step as u64 - 1), value, "step {step} of {}", schedule["config"]);
        }
    }
    assert_eq!(kinds.len(), 3);
    assert!(schedules.len() >= 18);
}

/// B6: the tutorial's own numbers started at 0.
#[test]
fn a_schedule_starts_at_the_first_multiple_at_or_above_its_minimum() {
    for (min, quantum, first) in [(8.0, 16.0, 16.0), (10.0, 8.0, 16.0), (64.0, 8.0, 64.0), (1.0, 8.0, 8.0)] {
        for degree in [0.5, 1.0, 2.0, 5.0] {
            let curve = Curve::Power { min, max: 1024.0, steps: 100, degree, quantum: Some(quantum), falling: false };
            for first_step in [0, 1] {
                let pacing = Pacing { first_step, curve: curve.clone() };
                let lowest = (0..120).map(|step| pacing.difficulty(step)).fold(f64::INFINITY, f64::min);
                assert!(pacing.difficulty(0) >= first && lowest >= first, "{pacing:?}");
                assert!(first_step == 1 || pacing.difficulty(0) == first, "{pacing:?}");
            }
        }
    }
}

/// Annotations of each step of a run over sequences of `length` tokens.
fn annotations(planner: &mut Planner, name: &str, steps: usize) -> Vec<f64> {
    (0..steps)
        .map(|_| {
            let planned = planner.plan().unwrap().unwrap();
            planned.plan.annotations().iter().find(|(known, _)| known == name).unwrap().1
        })
        .collect()
}

/// F62, F63. B8: DeepSpeed rounds the length down below its minimum, to no token at all in the last of these; here it is never below the
/// first multiple at or above the minimum, and that is the only difference.
#[test]
fn kept_lengths_and_layer_tokens_are_deepspeeds_from_the_minimum_on() {
    let corpus = Corpus::new(400);
    let cases = golden("random_ltd.json");
    let mut below = 0;
    for case in cases.as_array().unwrap() {
        let number = |key: &str| case[key].as_f64().unwrap();
        let (length, quantum) = (number("max_value"), number("seq_per_step"));
        let run = |annotation: &str, steps| {
            let run = corpus.run(&format!(
                "sequence-length = {length}\n[batch]\nglobal-batch-size = {}\n[policy]\nplugin = \"uniform\"\n[random-ltd]\npacing = \"kept\"\n\
                 layers = {}\ntotal-layers = {}\n[pacing.kept]\nkind = \"linear\"\nmin = {}\nmax = {length}\nsteps = {}\nquantum = {quantum}\n",
                case["global_batch_size"], case["ltd_layers"], case["total_layers"], case["min_value"], case["require_steps"],
            ));
            annotations(&mut run.planner().unwrap(), annotation, steps)
        };
        let (values, consumed) = (numbers(&case["values"]), numbers(&case["consumed_layer_tokens"]));
        let first = (number("min_value") / quantum).ceil() * quantum;
        let kept = run("random-ltd:kept-length", values.len());
        let layer_tokens = run("random-ltd:layer-tokens", values.len());
        let mut more = 0.0;
        for step in 0..values.len() {
            assert_eq!(kept[step], values[step].max(first), "step {step} of {case}");
            below += usize::from(values[step] < first);
            more += (kept[step] - values[step]) * number("ltd_layers") * number("global_batch_size");
            assert_eq!(layer_tokens[step], consumed[step] + more, "step {step} of {case}");
        }
    }
    assert!(below > 0, "the golden file has no case of the fault");
}

#[test]
fn a_wrong_pacing_function_is_refused_with_line_and_column() {
    let corpus = Corpus::new(20);
    let refused = |pacing: &str| {
        let rest = format!("[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"uniform\"\n[pacing.p]\n{pacing}");
        corpus.try_run(&rest).unwrap_err().to_string()
    };
    assert_eq!(
        refused("kind = \"linear\"\nmin = 9\nmax = 8\nsteps = 4\n"),
        "run.toml:11:7: min is 9 and max 8; give finite numbers with min ≤ max; `falling = true` goes from max to min"
    );
    assert_eq!(
        refused("kind = \"discrete\"\ndifficulty = [1.0, 2.0]\nuntil = []\n"),
        "run.toml:11:9: 2 difficulties and 0 bounds; give one difficulty more than bounds"
    );
}

/// A run file's falling curve and held level, as a run asks them.
#[test]
fn difficulties_may_fall_and_a_level_may_be_held() {
    let corpus = Corpus::new(50);
    let run = |pacing: &str| {
        let policy = "[policy]\nplugin = \"curriculum\"\nconfig = { metrics = [], annotate = [\"p\"] }\n";
        let run = corpus.run(&format!("[batch]\nglobal-batch-size = 4\n{policy}[pacing.p]\n{pacing}"));
        annotations(&mut run.planner().unwrap(), "difficulty:p", 6)
    };
    assert_eq!(run("kind = \"linear\"\nmin = 2\nmax = 10\nsteps = 4\nfalling = true\n"), [10.0, 8.0, 6.0, 4.0, 2.0, 2.0]);
    assert_eq!(run("kind = \"root\"\nmin = 0\nmax = 16\nsteps = 4\nquantum = 4\nfalling = true\n"), [16.0, 8.0, 4.0, 0.0, 0.0, 0.0]);
    let levels = "kind = \"discrete\"\ndifficulty = [1, 9, 2, 4]\nuntil = [0, 2, 3]\n";
    assert_eq!(run(levels), [1.0, 9.0, 9.0, 2.0, 4.0, 4.0]);
    assert_eq!(run(&format!("{levels}hold-at = 9\n")), [1.0, 9.0, 9.0, 9.0, 9.0, 9.0]);
}
