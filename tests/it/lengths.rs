use std::collections::BTreeMap;

use curricle::{
    Run, Sampler,
    batch::{Batch, MicroBatch},
};
use curricle_tests::{Corpus, hardness, length, token};

const UNIFORM: &str = "[policy]\nplugin = \"uniform\"\n";
/// 4, 6, 8 … 20 tokens.
const GROWING: &str = "[pacing.grow]\nkind = \"linear\"\nmin = 4\nmax = 20\nsteps = 8\nquantum = 2\n";

fn difficulty(step: u64) -> u32 {
    (4 + 2 * step as u32).min(20)
}

/// A run over documents, or over sequences where `view` says so.
fn run(corpus: &Corpus, view: &str, batch: &str, rest: &str) -> Run {
    corpus.run(&format!("{view}[batch]\nglobal-batch-size = 12\n{batch}\n{UNIFORM}{GROWING}{rest}"))
}

fn batches(run: &Run, steps: usize) -> Vec<Batch> {
    let mut sampler = Sampler::start(run).unwrap();
    (0..steps).map(|_| sampler.next_batch().unwrap().unwrap()).collect()
}

fn beside(batch: &Batch) -> BTreeMap<&str, f64> {
    batch.annotations.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}

/// Tokens `start..end` of a document.
fn tokens(id: u64, start: u32, end: u32) -> Vec<u8> {
    (start..end).flat_map(|t| token(id, t).to_le_bytes()).collect()
}

fn total(micro_batches: &[MicroBatch]) -> u64 {
    micro_batches.iter().flat_map(|m| &m.lengths).map(|&n| u64::from(n)).sum()
}

/// F6, F32: the legacy curriculum of sequence lengths is any policy with its samples cut.
#[test]
fn the_samples_of_any_policy_are_cut_to_what_a_pacing_function_says() {
    let corpus = Corpus::new(100);
    for (batch, plus) in [("truncate = \"grow\"", 0), ("truncate = { pacing = \"grow\", plus = 1 }", 1)] {
        let run = run(&corpus, "", batch, "");
        let mut sampler = Sampler::start(&run).unwrap();
        let mut consumed = 0;
        for step in 0..12 {
            let batch = sampler.next_batch().unwrap().unwrap();
            assert_eq!(beside(&batch)["difficulty:grow"], f64::from(difficulty(step)));
            for m in &batch.micro_batches {
                for (i, &id) in m.ids.iter().enumerate() {
                    let expected = length(id).min(difficulty(step) + plus);
                    assert_eq!((m.lengths[i], m.sample(i).unwrap()), (expected, tokens(id, 0, expected).as_slice()));
                }
            }
            consumed += total(&batch.micro_batches);
            assert_eq!(sampler.state().consumed_tokens(), Some(consumed));
        }
    }
}

#[test]
fn samples_fall_into_pieces_and_no_token_is_lost_in_any_layout() {
    let corpus = Corpus::new(100);
    let whole = batches(&run(&corpus, "", "micro-batch-size = 4", ""), 10);
    let layouts = ["layout = \"packed\"", "layout = \"padded\"", "layout = \"rows\"\nrow-length = 64\npacker = { plugin = \"first-fit\" }"];
    for layout in layouts {
        let keys = format!("micro-batch-size = 4\nvalues = [\"hardness\"]\nreshape = \"grow\"\n{layout}");
        for (step, (batch, whole)) in (0..).zip(batches(&run(&corpus, "", &keys, ""), 10).iter().zip(&whole)) {
            assert_ne!(batch.digest, whole.digest, "pieces are part of what a batch is");
            for (m, samples) in batch.micro_batches.iter().zip(&whole.micro_batches) {
                let d = difficulty(step);
                let expected = samples.ids.iter().flat_map(|&id| (0..length(id)).step_by(d as usize).map(move |start| (id, start)));
                let expected: Vec<(u64, u32)> = expected.collect();
                assert_eq!(m.ids, expected.iter().map(|(id, _)| *id).collect::<Vec<_>>());
                for (i, &(id, start)) in expected.iter().enumerate() {
                    let end = length(id).min(start + d);
                    assert_eq!((m.lengths[i], m.sample(i).unwrap()), (end - start, tokens(id, start, end).as_slice()), "{layout}");
                }
                assert_eq!(m.values[0], m.ids.iter().map(|&id| f64::from(hardness(id))).collect::<Vec<_>>());
                assert_eq!(m.rows().count(), m.ids.len());
            }
            assert_eq!(total(&batch.micro_batches), total(&whole.micro_batches));
        }
    }
}

/// F33, `seqlen_reshape`: rows of one length, about as many tokens as before.
#[test]
fn rows_of_one_length_hold_as_many_tokens_as_the_samples_had_rounded_up() {
    let corpus = Corpus::new(200);
    let all: Vec<u16> = (0..200).flat_map(|i| (0..length(i)).map(move |t| token(i, t))).collect();
    let keys = "micro-batch-size = 3\nlayout = \"padded\"\nreshape = { pacing = \"grow\", plus = 1, keep = \"rows\" }";
    let run = run(&corpus, "sequence-length = 17\nstride = 16\n", keys, "");
    let mut sampler = Sampler::start(&run).unwrap();
    for step in 0..12 {
        let batch = sampler.next_batch().unwrap().unwrap();
        let row = (difficulty(step) + 1).min(17) as usize;
        for m in &batch.micro_batches {
            assert_eq!(m.shape, [(3usize * 17).div_ceil(row), row]);
            assert!(m.lengths.iter().all(|&n| n as usize == row));
            let of_a_sample = 17 / row;
            for (i, &id) in m.ids.iter().enumerate() {
                let start = id as usize * 16 + if i < 3 * of_a_sample { i % of_a_sample * row } else { 17 - row };
                let expected: Vec<u8> = all[start..start + row].iter().flat_map(|t| t.to_le_bytes()).collect();
                assert_eq!(m.sample(i).unwrap(), expected, "step {step}, row {i}");
            }
        }
        // Of the samples, not of the rows: how many of these there are depends on the micro-batch.
        assert_eq!(sampler.state().consumed_tokens(), Some((step + 1) * 12 * 17));
    }
}

const LTD: &str = "[random-ltd]\npacing = \"kept\"\nlayers = 22\ntotal-layers = 24\n\
    [pacing.kept]\nkind = \"linear\"\nmin = 8\nmax = 16\nsteps = 5\nquantum = 4\n";

/// F62, F63, F69. B8: the length is never below its minimum, let alone 0. B34: nothing here matches layers by their names.
#[test]
fn tokens_that_layers_process_are_counted_as_the_formula_has_it() {
    let corpus = Corpus::new(200);
    let run = run(&corpus, "sequence-length = 16\n", "", LTD);
    let mut sampler = Sampler::start(&run).unwrap();
    let mut consumed = 0;
    for step in 0..8u64 {
        let batch = sampler.next_batch().unwrap().unwrap();
        let kept = [8, 8, 8, 12, 12, 16, 16, 16][step as usize];
        consumed += 12 * (kept * 22 + 16 * (24 - 22));
        let beside = beside(&batch);
        assert_eq!(beside["random-ltd:kept-length"], kept as f64);
        assert_eq!(beside["random-ltd:layer-tokens"], consumed as f64);
        assert_eq!(beside["random-ltd:effective-length"], (16 * 2 + kept * 22) as f64 / 24.0);
        assert_eq!(sampler.state().layer_tokens(), Some(consumed));
        assert_eq!(sampler.state().consumed_tokens(), Some((step + 1) * 12 * 16));
        // From here on as if it had gone on.
        sampler = Sampler::resume(&run, &curricle::SamplerState::from_json(&sampler.state().to_json(), "memory").unwrap()).unwrap();
    }
}

/// Sequences that overlap by a token have one more than layers see.
#[test]
fn a_token_that_is_only_predicted_is_not_counted_for_layers() {
    let corpus = Corpus::new(200);
    let with_label = run(&corpus, "sequence-length = 17\nstride = 16\n", "", &LTD.replace("layers = 22", "plus = 1\nlayers = 22"));
    let without = run(&corpus, "sequence-length = 16\n", "", LTD);
    for (a, b) in batches(&with_label, 8).iter().zip(batches(&without, 8)) {
        assert_eq!(beside(a), beside(&b));
    }
}

#[test]
fn tokens_that_layers_process_are_exact_for_documents_cut_or_divided() {
    let corpus = Corpus::new(100);
    for batch in ["", "truncate = \"grow\"", "reshape = \"grow\""] {
        let run = run(&corpus, "", batch, LTD);
        let mut consumed = 0;
        for batch in batches(&run, 12) {
            let kept = beside(&batch)["random-ltd:kept-length"] as u64;
            let sequences: Vec<u64> = batch.micro_batches.iter().flat_map(|m| &m.lengths).map(|&n| u64::from(n)).collect();
            let of_batch: u64 = sequences.iter().map(|&n| 22 * n.min(kept) + 2 * n).sum();
            consumed += of_batch;
            assert_eq!(beside(&batch)["random-ltd:layer-tokens"], consumed as f64);
            let effective = of_batch as f64 / 24.0 / sequences.len() as f64;
            assert!((beside(&batch)["random-ltd:effective-length"] - effective).abs() < 1e-9);
        }
    }
}

#[test]
fn keys_about_lengths_that_do_not_fit_are_refused_by_place_with_what_to_do() {
    let corpus = Corpus::new(20);
    let refused = |batch: &str, rest: &str| {
        corpus.try_run(&format!("[batch]\nglobal-batch-size = 4\n{batch}\n{UNIFORM}{GROWING}{rest}")).unwrap_err().to_string()
    };
    assert_eq!(
        refused("truncate = \"shrink\"", ""),
        "run.toml:6:12: the run file has no `[pacing.shrink]`, it has `grow`; name one that is there"
    );
    assert_eq!(
        refused("truncate = \"grow\"\nreshape = \"grow\"", ""),
        "run.toml:7:11: `reshape` beside `truncate`: what is cut off cannot fall into pieces too; choose one of them"
    );
    assert_eq!(
        refused("reshape = { pacing = \"grow\", keep = \"rows\" }", ""),
        "run.toml:6:37: `keep = \"rows\"` makes rows of one length, and documents have many; give a `sequence-length` in [dataset], or keep \
         \"all\""
    );
    let unknown = refused("truncate = { pacing = \"grow\", minus = 1 }", "");
    assert!(unknown.starts_with("run.toml:6:") && unknown.contains("unknown field `minus`, expected `pacing` or `plus`"), "{unknown}");
    let number = refused("truncate = 7", "");
    assert!(number.starts_with("run.toml:6:12: invalid type: integer `7`, expected the name of a `[pacing.NAME]`"), "{number}");
    assert_eq!(
        refused("", &LTD.replace("= 24", "= 21")),
        "run.toml:17:10: 22 layers of 21 drop tokens; give at least 1, and at most `total-layers`"
    );
    assert_eq!(
        refused("count-tokens = false", LTD),
        "run.toml:6:16: `[random-ltd]` counts tokens, and `count-tokens = false` lets the lengths of documents be; leave `count-tokens` out"
    );
}

#[test]
fn a_state_goes_on_only_with_the_same_lengths_and_one_without_any_has_not_changed() {
    let corpus = Corpus::new(20);
    let state = |batch: &str| {
        let mut sampler = Sampler::start(&run(&corpus, "", batch, "")).unwrap();
        sampler.next_batch().unwrap();
        sampler.state()
    };
    let (plain, cut) = (state(""), state("truncate = \"grow\""));
    assert!(!plain.to_json().contains("layer_tokens"));
    for (state, batch) in [(&plain, "truncate = \"grow\""), (&cut, ""), (&cut, "truncate = { pacing = \"grow\", plus = 1 }")] {
        let error = Sampler::resume(&run(&corpus, "", batch, ""), state).unwrap_err().to_string();
        assert!(error.contains("configuration of policy, pacing or lengths"), "{error}");
    }
    Sampler::resume(&run(&corpus, "", "truncate = { pacing = \"grow\" }", ""), &cut).unwrap();
}
