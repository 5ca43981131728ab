use std::fs;

use curricle::{
    Error, Run, Sampler, SamplerState,
    columns::{ColumnWriter, Provenance, ValueType, Values},
    dataset::{Dataset, IndexedWriter, Magic, Options, TokenType, View},
};
use curricle_tests::{Corpus, plugin};

const REST: &str = "[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"uniform\"\n";

fn refused(corpus: &Corpus, rest: &str) -> String {
    let error = corpus.try_run(rest).map(|run| format!("{run:?}")).unwrap_err();
    clean(corpus, &error)
}

/// The message without the temporary folder and fingerprints, which differ each time.
fn clean(corpus: &Corpus, error: &Error) -> String {
    error.to_string().replace(&corpus.path("").display().to_string(), "DIR/").replace("DIR//", "DIR/")
}

#[test]
fn an_unknown_key_is_refused_with_its_place() {
    let corpus = Corpus::new(20);
    insta::assert_snapshot!(refused(&corpus, &REST.replace("global-batch-size", "micro-bach-size = 1\nglobal-batch-size")), @"run.toml:5:1: unknown field `micro-bach-size`, expected one of `global-batch-size`, `micro-batch-size`, `gradient-accumulation-steps`, `dp-rank`, `dp-world-size`, `layout`, `pad-to`, `pad-token`, `row-length`, `packer`, `overlong`, `truncate`, `reshape`, `tokens`, `values`, `count-tokens`; correct the run file");
}

#[test]
fn a_missing_key_is_named() {
    let corpus = Corpus::new(20);
    insta::assert_snapshot!(refused(&corpus, "[batch]\nglobal-batch-size = 8\n"), @"run.toml:1:1: missing field `policy`; correct the run file");
}

#[test]
fn a_batch_that_does_not_add_up_is_refused_with_its_factors() {
    let corpus = Corpus::new(20);
    insta::assert_snapshot!(refused(&corpus, &REST.replace("= 8", "= 8\nmicro-batch-size = 3\ndp-world-size = 2")), @"run.toml:5:21: a global batch of 8 does not add up: 3 samples a micro-batch × 2 ranks × 1 accumulation steps = 6; choose numbers whose product is `global-batch-size`");
}

#[test]
fn a_plugin_that_does_not_exist_is_refused_with_where_it_was_looked_for() {
    let corpus = Corpus::new(20);
    let text = refused(&corpus, &REST.replace("uniform", "unifrom"));
    assert!(
        text.starts_with("run.toml:7:10: plugin `unifrom`: ") && text.contains("unifrom") && text.contains("cargo xtask plugins"),
        "{text}"
    );
}

#[test]
fn a_configuration_that_the_plugins_schema_refuses_names_the_key() {
    let corpus = Corpus::new(20);
    let text = refused(&corpus, &format!("{REST}config = {{ epochs = \"two\" }}\n"));
    assert!(text.contains("epochs") && text.contains("two"), "{text}");
}

#[test]
fn a_plugin_of_another_world_is_refused_with_both() {
    let corpus = Corpus::new(20);
    let text = refused(&corpus, &REST.replace("uniform", "seqlen"));
    assert!(text.contains("`seqlen`") && text.contains("metric") && text.contains("policy"), "{text}");
}

#[test]
fn a_core_module_or_foreign_bytes_in_place_of_a_component_are_refused_as_what_they_are() {
    let corpus = Corpus::new(20);
    fs::write(corpus.path("core.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    let text = refused(&corpus, &REST.replace("uniform", "core.wasm"));
    assert!(text.contains("core module"), "{text}");
    fs::write(corpus.path("junk.wasm"), b"PK\x03\x04 not wasm at all").unwrap();
    let text = refused(&corpus, &REST.replace("uniform", "junk.wasm"));
    assert!(text.contains("junk.wasm"), "{text}");
    fs::write(corpus.path("half.wasm"), &fs::read(plugin("uniform")).unwrap()[..5000]).unwrap();
    let text = refused(&corpus, &REST.replace("uniform", "half.wasm"));
    assert!(text.contains("half.wasm"), "{text}");
}

#[test]
fn a_later_version_of_the_contract_is_refused_by_number() {
    let corpus = Corpus::new(20);
    let bytes = fs::read(plugin("uniform")).unwrap();
    // Same length, so that every size in the file still holds.
    let later = replaced(&bytes, b"@0.1.0", b"@0.2.0");
    fs::write(corpus.path("later.wasm"), later).unwrap();
    let text = refused(&corpus, &REST.replace("uniform", "later.wasm"));
    assert!(text.contains("0.2.0") && text.contains("0.1"), "{text}");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for at in 0..out.len().saturating_sub(from.len()) {
        if out[at..].starts_with(from) {
            out[at..at + to.len()].copy_from_slice(to);
        }
    }
    out
}

#[test]
fn a_plugin_with_another_digest_than_the_run_file_says_is_refused_with_both() {
    let corpus = Corpus::new(20);
    let text = refused(&corpus, &format!("{REST}sha256 = \"{}\"\n", "ab".repeat(32)));
    assert!(text.contains(&"ab".repeat(32)), "{text}");
}

#[test]
fn a_column_of_another_dataset_is_refused_with_both_fingerprints() {
    let (corpus, other) = (Corpus::new(20), Corpus::new(21));
    let column = other.dataset().columns_dir().join("length.arrow");
    let text = refused(&corpus, &format!("{REST}[columns]\nlength = {:?}\n", column.display().to_string()));
    assert!(text.contains("column `length`") && text.contains("analyze"), "{text}");
}

#[test]
fn a_column_that_the_policy_asks_for_and_the_run_lacks_is_named() {
    let corpus = Corpus::new(20);
    let run = corpus.run(
        "[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"curriculum\"\n[policy.config]\n\
         metrics = [{ column = \"loss\", by = \"value\", pacing = \"p\" }]\n[pacing.p]\nkind = \"linear\"\nmin = 0\nmax = 9\nsteps = 9\n",
    );
    let text = run.planner().and_then(|mut p| p.plan()).unwrap_err().to_string();
    assert!(text.contains("`loss`") && text.contains("length"), "{text}");
}

#[test]
fn nan_in_a_column_is_refused_with_its_sample() {
    let corpus = Corpus::new(3);
    let mut writer = ColumnWriter::create(corpus.path("x.arrow"), ValueType::F32, corpus.provenance()).unwrap();
    let text = match writer.push(&Values::F32(vec![1.0, f32::NAN, 2.0])) {
        Err(error) => error.to_string(),
        Ok(()) => writer.finish().unwrap_err().to_string(),
    };
    assert!(text.contains("sample 1") && text.contains("NaN"), "{text}");
    assert!(!corpus.path("x.arrow").exists());
}

#[test]
fn a_truncated_index_is_refused_and_so_is_a_foreign_one() {
    let corpus = Corpus::new(50);
    let index = fs::read(corpus.path("data.idx")).unwrap();
    for keep in [0, 8, 20, 34, 100, index.len() - 1] {
        fs::write(corpus.path("data.idx"), &index[..keep]).unwrap();
        let error = Dataset::open(corpus.path("data")).unwrap_err();
        assert_eq!(error.code(), "dataset", "{keep} bytes: {error}");
        assert!(error.to_string().contains("data.idx"), "{error}");
    }
    fs::write(corpus.path("data.idx"), b"#!/bin/sh\necho this is no index at all, but long enough for a header\n").unwrap();
    let error = Dataset::open(corpus.path("data")).unwrap_err();
    assert_eq!(error.code(), "dataset");
}

#[test]
fn a_data_file_that_lost_its_end_is_refused() {
    let corpus = Corpus::new(50);
    let data = fs::read(corpus.path("data.bin")).unwrap();
    fs::write(corpus.path("data.bin"), &data[..data.len() / 2]).unwrap();
    let error = Dataset::open(corpus.path("data")).unwrap_err();
    assert_eq!(error.code(), "dataset", "{error}");
}

#[test]
fn a_dataset_without_samples_is_refused() {
    let corpus = Corpus::new(1);
    IndexedWriter::create(corpus.path("data"), TokenType::U16, Magic::MMap).unwrap().finish().unwrap();
    insta::assert_snapshot!(refused(&corpus, REST), @"dataset `DIR/data`: it holds no documents; give a dataset with at least one");
}

#[test]
fn sequences_longer_than_the_dataset_are_refused_with_both_lengths() {
    let corpus = Corpus::new(2);
    let view = View::Sequences { length: 4096, stride: 4096 };
    let error = Dataset::open_with(corpus.path("data"), &Options { view, ..Options::default() }).unwrap_err().to_string();
    assert!(error.contains("4096"), "{error}");
}

#[test]
fn a_token_over_the_vocabulary_is_refused_with_its_sample() {
    let corpus = Corpus::new(50);
    let text = "seed = 7\n[dataset]\npath = \"data\"\nvocab-size = 900\n[batch]\nglobal-batch-size = 50\n[policy]\nplugin = \"uniform\"\n";
    let run = Run::open(curricle::RunConfig::parse(text, "run.toml", corpus.path("")).unwrap()).unwrap();
    let error = Sampler::start(&run).unwrap().next_batch().unwrap_err().to_string();
    assert!(error.contains("sample ") && error.contains("the vocabulary ends at 899"), "{error}");
    let options = Options { vocab_size: Some(900), ..Options::default() };
    let error = Dataset::open_with(corpus.path("data"), &options).unwrap().verify(&|_| ()).unwrap_err().to_string();
    assert!(error.contains("900") || error.contains("899"), "{error}");
}

#[test]
fn headerless_tokens_without_a_type_are_refused_with_the_key_to_give() {
    let corpus = Corpus::new(5);
    fs::write(corpus.path("tokens.raw"), [0u8; 64]).unwrap();
    let error = Dataset::open(corpus.path("tokens.raw")).unwrap_err().to_string();
    assert!(error.contains("token-type"), "{error}");
    let options = Options { token_type: Some(TokenType::U32), ..Options::default() };
    let error = Dataset::open_with(corpus.path("tokens.raw"), &options).unwrap_err().to_string();
    assert!(error.contains("sequence-length") || error.contains("document-end"), "{error}");
}

#[test]
fn a_state_of_another_run_is_refused_with_what_differs() {
    let (corpus, other) = (Corpus::new(20), Corpus::new(21));
    let mut sampler = Sampler::start(&corpus.run(REST)).unwrap();
    sampler.next_batch().unwrap();
    let state = sampler.state();
    let text = Sampler::resume(&other.run(REST), &state).unwrap_err().to_string();
    assert!(text.contains("dataset (saved "), "{text}");
    let text = Sampler::resume(&corpus.run(&format!("{REST}config = {{ epochs = 3 }}\n")), &state).unwrap_err().to_string();
    assert!(text.contains("configuration of policy, pacing or lengths"), "{text}");
}

#[test]
fn a_damaged_or_foreign_state_is_refused() {
    let corpus = Corpus::new(20);
    let mut sampler = Sampler::start(&corpus.run(REST)).unwrap();
    sampler.next_batch().unwrap();
    let json = sampler.state().to_json();
    for broken in [&json[..json.len() / 2], &json.replace("\"step\":1", "\"step\":2"), "{}", ""] {
        let error = SamplerState::from_json(broken, "s.json").unwrap_err();
        assert_eq!(error.code(), "state");
    }
}

#[test]
fn saving_into_a_folder_that_is_missing_or_read_only_is_refused_and_leaves_nothing() {
    let corpus = Corpus::new(20);
    let sampler = Sampler::start(&corpus.run(REST)).unwrap();
    let error = sampler.state().save(corpus.path("missing/state.json")).unwrap_err();
    assert_eq!(error.code(), "io");
    assert!(error.to_string().contains("missing"), "{error}");
    // The kernel's own tree takes no files, whoever asks.
    if std::path::Path::new("/sys/kernel").is_dir() {
        let error = sampler.state().save("/sys/kernel/state.json").unwrap_err();
        assert_eq!(error.code(), "io");
    }
}

#[test]
fn a_column_with_too_few_values_is_never_put_in_place() {
    let corpus = Corpus::new(20);
    let provenance: Provenance = corpus.provenance();
    let mut writer = ColumnWriter::create(corpus.path("x.arrow"), ValueType::U32, provenance).unwrap();
    writer.push(&Values::U32(vec![1, 2, 3])).unwrap();
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.contains('3') && error.contains("20"), "{error}");
    assert!(!corpus.path("x.arrow").exists());
    let left: Vec<_> = fs::read_dir(corpus.path("")).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("tmp")), "{left:?}");
}
