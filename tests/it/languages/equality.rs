use std::{collections::HashSet, fs, path::Path};

use curricle::{
    SamplerState,
    analysis::{Options, analyze},
    columns::ValueType,
    dataset::{Dataset, IndexedWriter, Magic, TokenType},
};
use curricle_tests::{Corpus, noise, plugin};

use super::examples::{languages, metric, run};

const CONFIG: &str = "{ column = \"hardness\", from = 0.1, steps = 700 }";

#[test]
fn every_language_has_its_examples() {
    assert_eq!(languages(), ["c", "cpp", "go", "javascript", "python", "rust", "typescript"]);
}

#[test]
fn a_policy_gives_the_same_thousand_batches_in_every_language() {
    let corpus = Corpus::new(2_000);
    let mut expected: Option<(String, Vec<_>)> = None;
    for language in languages() {
        let mut planner = run(&corpus, &language, CONFIG).unwrap().planner().unwrap();
        let batches: Vec<_> = (0..1_000)
            .map(|_| {
                let planned = planner.plan().unwrap().unwrap();
                (planned.digest, planned.plan.annotations().iter().map(|(name, value)| (name.clone(), value.to_bits())).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(batches.iter().map(|(digest, _)| digest).collect::<HashSet<_>>().len(), 1_000, "{language}");
        match &expected {
            None => expected = Some((language, batches)),
            Some((first, same)) => {
                let differs = batches.iter().zip(same).position(|(a, b)| a != b);
                assert_eq!(differs, None, "the first step at which {language} differs from {first}");
            }
        }
    }
}

#[test]
fn a_policy_resumed_in_the_middle_goes_on_as_if_nothing_had_been_in_every_language() {
    let corpus = Corpus::new(500);
    for language in languages() {
        let run = run(&corpus, &language, CONFIG).unwrap();
        let mut whole = run.planner().unwrap();
        for _ in 0..333 {
            whole.plan().unwrap().unwrap();
        }
        let mut resumed = run.planner_at(&SamplerState::from_json(&whole.state().to_json(), "here").unwrap()).unwrap();
        for step in 333..400 {
            assert_eq!(resumed.plan().unwrap().unwrap().digest, whole.plan().unwrap().unwrap().digest, "{language}, step {step}");
        }
        assert_eq!(resumed.state().to_json(), whole.state().to_json(), "{language}");
    }
}

/// Samples of 0 to 80 tokens, some with few different ones, and token ids up to the largest.
fn dataset(folder: &Path, token_type: TokenType, width: usize) -> (Dataset, Vec<f32>) {
    // Ids of four bytes are signed in the file, and never negative.
    let shift = if width == 4 { 1 } else { 32 - 8 * width };
    let mut writer = IndexedWriter::create(folder.join("data"), token_type, Magic::MMap).unwrap();
    let mut expected = Vec::new();
    for i in 0..3_000u64 {
        let (length, kinds) = (noise(i) % 80, 1 + noise(i ^ (1 << 40)) % 100);
        let tokens: Vec<u32> = (0..length).map(|t| (noise((i << 20) | (noise(t) % kinds)) as u32) >> shift).collect();
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes().into_iter().take(width)).collect();
        writer.push(&bytes).unwrap();
        writer.end_document().unwrap();
        let distinct = tokens.iter().collect::<HashSet<_>>().len();
        expected.push(if tokens.is_empty() { 0.0 } else { (distinct as f64 / tokens.len() as f64) as f32 });
    }
    writer.finish().unwrap();
    (Dataset::open(folder.join("data")).unwrap(), expected)
}

#[test]
fn a_metric_gives_the_same_column_in_every_language_and_over_tokens_of_any_width() {
    for (token_type, width) in [(TokenType::U8, 1), (TokenType::U16, 2), (TokenType::I32, 4)] {
        let folder = tempfile::tempdir().unwrap();
        let (dataset, expected) = dataset(folder.path(), token_type, width);
        for language in languages() {
            let target = folder.path().join(format!("{language}.arrow"));
            let made = analyze(&dataset, &metric(&language), &target, &Options::default()).unwrap();
            let column = made.column().unwrap();
            assert_eq!(column.value_type(), ValueType::F32, "{language}");
            for (i, value) in (0..).zip(&expected) {
                let found = column.value(i).unwrap();
                assert_eq!(
                    found.to_bits(),
                    f64::from(*value).to_bits(),
                    "{language}, {token_type:?}, sample {i}: {found} instead of {value}"
                );
            }
        }
    }
}

#[test]
fn no_example_imports_anything_but_the_contract() {
    for language in languages() {
        for kind in ["warm-up", "distinct"] {
            let bytes = fs::read(plugin(&format!("{kind}-{language}"))).unwrap();
            let wit_component::DecodedWasm::Component(resolve, world) = wit_component::decode(&bytes).unwrap() else {
                panic!("{kind}-{language} is no component");
            };
            for (key, _) in &resolve.worlds[world].imports {
                let name = resolve.name_world_key(key);
                assert!(name.starts_with("curricle:plugin/"), "{kind}-{language} imports {name}");
            }
        }
    }
}
