use std::{collections::BTreeMap, fs, path::Path};

use curricle::{Run, SamplerState};
use curricle_tests::noise;
use serde_json::Value;

use super::harness::{Tree, Work, equal, file};

fn run(folder: &Path) {
    let tokens: Vec<u8> = (0..1u64 << 20).flat_map(|i| ((noise(i) % 50_000) as u16).to_le_bytes()).collect();
    fs::write(folder.join("tokens.bin"), tokens).unwrap();
    let text = "seed = 5\n[dataset]\npath = \"tokens.bin\"\ntoken-type = \"u16\"\nsequence-length = 32\n\
                [batch]\nglobal-batch-size = 16\n[policy]\nplugin = \"uniform\"\n";
    fs::write(folder.join("run.toml"), text).unwrap();
}

/// The state of a file; none if there is none.
fn state(tree: &Tree) -> Option<SamplerState> {
    file(tree, "state.json").map(|json| SamplerState::from_json(std::str::from_utf8(json).unwrap(), "state.json").unwrap())
}

/// Batches by step. What was printed twice was the same both times; the last line may be broken off.
fn batches(tree: &Tree) -> BTreeMap<u64, String> {
    let text = file(tree, "out.jsonl").map(|bytes| std::str::from_utf8(bytes).unwrap()).unwrap_or_default();
    let mut found = BTreeMap::new();
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let step = serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"))["step"].as_u64().unwrap();
        if let Some(before) = found.insert(step, line.to_owned()) {
            assert_eq!(before, line);
        }
    }
    found
}

#[test]
fn a_state_that_is_saved_all_the_time_is_always_whole() {
    let work = Work::new(run).then("sample @/run.toml --steps 0..400 --state @/made/state.json --save-every 1");
    let run = Run::load(work.made("../run.toml")).unwrap();
    let mut planner = run.planner().unwrap();
    let mut states = vec![planner.state().to_json()];
    while states.len() <= 400 {
        planner.plan().unwrap().unwrap();
        states.push(planner.state().to_json());
    }
    let check = |found: &Tree, _: &Tree| {
        if let Some(state) = state(found) {
            assert_eq!(state.to_json(), states[state.step() as usize]);
        }
    };
    work.survives(check, equal);
}

#[test]
fn a_run_goes_on_to_the_same_batches() {
    let words = "sample @/run.toml --steps 0..600 --tokens --out @/made/out.jsonl --state @/made/state.json --save-every 3";
    let work = Work::new(run).then(words);
    let check = |found: &Tree, whole: &Tree| {
        let (printed, expected) = (batches(found), batches(whole));
        printed.iter().for_each(|(step, line)| assert_eq!(Some(line), expected.get(step)));
        // Lines are on disk before the state that comes after them.
        let step = state(found).map_or(0, |state| state.step());
        assert!((0..step).all(|step| printed.contains_key(&step)), "the state stands at {step}, and lines before it are missing");
    };
    work.survives(check, |end, whole| {
        assert_eq!(batches(end), batches(whole));
        assert_eq!(batches(end).len(), 600);
        assert_eq!(file(end, "state.json"), file(whole, "state.json"));
    });
}
