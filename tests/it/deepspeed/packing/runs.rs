//! Whole runs with `[batch.tokens]`.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use curricle::{Run, Sampler, SamplerState, batch::Batch, packing::LearningRate};
use curricle_tests::{Corpus, curricle_ok, length};
use proptest::prelude::*;

const N: u64 = 200;

/// The kinds of runs that everything has to hold for.
const KINDS: [&str; 8] = [
    "order = \"given\"",
    "order = \"length\"",
    "max-samples = 3\nmin-samples = 2",
    "count = \"padded\"\norder = \"length\"",
    "equal-size = true\norder = \"length\"",
    "equal-size = true\nmin-samples = 2\ncount = \"padded\"",
    "packer = \"best-fit-decreasing\"",
    "packer = { plugin = \"length-sorted\" }\nmax-samples = 4",
];

/// Four micro-batches of 100 tokens a step, from 48 samples in hand.
fn rest(kind: &str, batch: &str) -> String {
    format!(
        "[batch]\nglobal-batch-size = 48\n{batch}\n[batch.tokens]\nmax-tokens = 100\nmicro-batches = 4\n{kind}\n\
         [policy]\nplugin = \"uniform\"\n"
    )
}

fn all(run: &Run) -> Vec<Batch> {
    let mut sampler = Sampler::start(run).unwrap();
    std::iter::from_fn(|| sampler.next_batch().unwrap()).collect()
}

fn annotation(batch: &Batch, name: &str) -> Option<f64> {
    batch.annotations.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

/// F53, F56, F59, B7. Lengths come from the dataset: there is no column, and no file of lengths.
#[test]
fn every_sample_comes_once_an_epoch_in_micro_batches_within_the_budget() {
    let corpus = Corpus::new(N);
    fs::remove_dir_all(corpus.dataset().columns_dir()).unwrap();
    for kind in KINDS {
        let batches = all(&corpus.run_with("epochs = 3\n", &rest(kind, "")));
        let mut times = BTreeMap::new();
        for (i, batch) in batches.iter().enumerate() {
            assert_eq!(batch.micro_batches.len(), 4);
            for m in &batch.micro_batches {
                let tokens: u64 = m.lengths.iter().map(|&n| u64::from(n)).sum();
                assert!(tokens <= 100, "{kind}: {tokens} tokens");
                if i + 2 < batches.len() {
                    assert!(!m.ids.is_empty(), "{kind}");
                    assert!(!kind.contains("min-samples = 2") || m.ids.len() >= 2, "{kind}");
                }
                let most = if kind.contains("max-samples = 3") {
                    3
                } else if kind.contains("max-samples = 4") {
                    4
                } else {
                    usize::MAX
                };
                assert!(m.ids.len() <= most);
                if kind.contains("padded") {
                    assert!(m.ids.len() as u64 * u64::from(m.lengths.iter().copied().max().unwrap_or(0)) <= 100, "{kind}");
                }
                m.ids.iter().for_each(|&id| *times.entry(id).or_insert(0) += 1);
            }
            assert_eq!(annotation(batch, "samples"), Some(batch.ids().count() as f64));
        }
        assert_eq!(times.len() as u64, N, "{kind}");
        assert!(times.values().all(|&n| n == 3), "{kind}");
    }
}

#[test]
fn runs_and_bins_are_filled_well() {
    let corpus = Corpus::new(N);
    for (kind, least) in [("order = \"given\"", 0.8), ("packer = \"best-fit-decreasing\"", 0.95)] {
        let batches = all(&corpus.run_with("steps = 40\n", &rest(kind, "")));
        let tokens: u64 = batches.iter().flat_map(|b| &b.micro_batches).map(|m| m.tokens.len() as u64).sum();
        let fill = tokens as f64 / (batches.len() * 4 * 100) as f64;
        assert!(fill > least, "{kind}: {fill}");
    }
}

#[test]
fn micro_batches_are_the_same_on_any_number_of_ranks_and_with_any_prefetch() {
    let corpus = Corpus::new(N);
    for kind in KINDS {
        let whole = all(&corpus.run_with("epochs = 1\nprefetch = 0\n", &rest(kind, "")));
        for (ranks, prefetch) in [(2, 0), (4, 8), (1, 3)] {
            let of_rank: Vec<Vec<Batch>> = (0..ranks)
                .map(|rank| {
                    let run = corpus.run_with(&format!("epochs = 1\nprefetch = {prefetch}\n"), &rest(kind, ""));
                    all(&run.with_rank(rank, ranks).unwrap())
                })
                .collect();
            for (step, batch) in whole.iter().enumerate() {
                for (i, m) in batch.micro_batches.iter().enumerate() {
                    let theirs = &of_rank[i % ranks as usize][step];
                    assert_eq!(theirs.digest, batch.digest);
                    assert_eq!(theirs.annotations, batch.annotations);
                    let theirs = &theirs.micro_batches[i / ranks as usize];
                    assert_eq!(theirs.ids, m.ids);
                    assert_eq!(theirs.tokens.checksum(), m.tokens.checksum());
                }
            }
        }
    }
}

#[test]
fn a_run_resumes_at_every_step_with_what_was_in_hand_and_other_ranks() {
    let corpus = Corpus::new(N);
    for kind in KINDS {
        let run = |ranks| corpus.run_with("epochs = 1\n", &rest(kind, "")).with_rank(ranks - 1, ranks).unwrap();
        let mut sampler = Sampler::start(&run(1)).unwrap();
        let mut states = vec![sampler.state().to_json()];
        let mut digests = Vec::new();
        while let Some(batch) = sampler.next_batch().unwrap() {
            digests.push(batch.digest);
            states.push(sampler.state().to_json());
        }
        for (step, state) in states.iter().enumerate() {
            let state = SamplerState::from_json(state, "state.json").unwrap();
            let mut resumed = Sampler::resume(&run([1, 2, 4][step % 3]), &state).unwrap();
            let rest: Vec<_> = std::iter::from_fn(|| resumed.next_batch().unwrap()).map(|batch| batch.digest).collect();
            assert_eq!(rest, digests[step..], "{kind}, step {step}");
        }
    }
}

#[test]
fn nobody_waits_for_ever_in_a_sorted_order() {
    let corpus = Corpus::new(N);
    for kind in ["order = \"length\"", "equal-size = true\norder = \"length\"", "packer = \"length-sorted\""] {
        let mut sampler = Sampler::start(&corpus.run(&rest(kind, ""))).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        while sampler.state().consumed_samples() < 2 * N {
            seen.extend(sampler.next_batch().unwrap().unwrap().ids());
        }
        assert_eq!(seen.len() as u64, N, "{kind}");
    }
}

/// F54.
#[test]
fn equal_micro_batches_have_one_shape_on_every_rank() {
    let corpus = Corpus::new(N);
    let rest = rest("equal-size = true", "layout = \"padded\"");
    let of_rank: Vec<Vec<Batch>> = (0..4).map(|rank| all(&corpus.run_with("steps = 20\n", &rest).with_rank(rank, 4).unwrap())).collect();
    let mut widths = std::collections::BTreeSet::new();
    for step in 0..20 {
        let shapes: Vec<[usize; 2]> = of_rank.iter().flat_map(|batches| batches[step].micro_batches.iter().map(|m| m.shape)).collect();
        assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
        let longest = of_rank.iter().flat_map(|b| &b[step].micro_batches).flat_map(|m| &m.lengths).max().unwrap();
        assert_eq!(shapes[0][1], *longest as usize);
        widths.insert(shapes[0]);
    }
    assert!(widths.len() > 1);
}

/// B17. What DeepSpeed cannot combine: a curriculum decides which samples come, a budget of tokens how many at once.
#[test]
fn a_budget_of_tokens_goes_together_with_a_curriculum() {
    let corpus = Corpus::new(N);
    let text = rest("order = \"given\"", "").replace(
        "plugin = \"uniform\"",
        "plugin = \"curriculum\"\n[policy.config]\nmetrics = [{ column = \"length\", by = \"value\", pacing = \"p\" }]\n\
         [pacing.p]\nkind = \"linear\"\nmin = 8\nmax = 40\nsteps = 30",
    );
    let difficulty = |step: u64| 8 + (step * 32 / 30).min(32) as u32;
    let batches = all(&corpus.run_with("steps = 60\n", &text));
    for batch in &batches {
        assert!(batch.ids().all(|id| length(id) <= difficulty(batch.step)), "step {}", batch.step);
        assert!(batch.micro_batches.iter().all(|m| m.tokens.len() <= 100));
    }
    let samples = |range: std::ops::Range<usize>| batches[range].iter().map(|b| b.ids().count()).sum::<usize>();
    assert!(samples(0..10) > 3 * samples(50..60) / 2, "{} and {}", samples(0..10), samples(50..60));
    let hardest = batches.iter().flat_map(Batch::ids).map(length).max();
    assert_eq!(hardest, Some(40));
}

#[test]
fn a_budget_of_tokens_goes_together_with_a_mixture() {
    let corpus = Corpus::new(N);
    let text = rest("order = \"length\"", "").replace(
        "plugin = \"uniform\"",
        "plugin = \"mixture\"\nconfig = { column = \"domain\", weights = { code = 0.5, prose = 0.5, tables = 0.0 } }",
    );
    let batches = all(&corpus.run_with("steps = 50\n", &text));
    let mut counts = [0; 3];
    batches.iter().flat_map(Batch::ids).for_each(|id| counts[curricle_tests::domain(id) as usize] += 1);
    assert_eq!(counts[2], 0);
    assert!((f64::from(counts[0]) / f64::from(counts[0] + counts[1]) - 0.5).abs() < 0.05, "{counts:?}");
}

#[test]
fn samples_over_the_budget_are_refused_cut_or_left_out_and_counted() {
    let corpus = Corpus::new(N);
    let text = |overlong: &str| rest("", &format!("overlong = \"{overlong}\"")).replace("max-tokens = 100", "max-tokens = 30");
    let error = Sampler::start(&corpus.run(&text("error"))).unwrap().next_batch().unwrap_err().to_string();
    assert!(error.contains("tokens and a micro-batch or row 30; set `overlong = \"cut\"` or \"drop\" in [batch]"), "{error}");

    let too_long = (0..N).filter(|&id| length(id) > 30).count() as u64;
    let run = corpus.run_with("epochs = 2\n", &text("drop"));
    let mut sampler = Sampler::start(&run).unwrap();
    let (mut last, mut tokens, mut ids) = (None, 0, Vec::new());
    while let Some(batch) = sampler.next_batch().unwrap() {
        tokens += batch.micro_batches.iter().map(|m| m.tokens.len() as u64).sum::<u64>();
        ids.extend(batch.ids());
        assert_eq!(sampler.state().consumed_tokens(), Some(tokens));
        assert_eq!(sampler.state().consumed_samples(), ids.len() as u64);
        last = Some(batch);
    }
    assert!(ids.iter().all(|&id| length(id) <= 30));
    assert_eq!(ids.len() as u64, 2 * (N - too_long));
    assert_eq!(annotation(&last.unwrap(), "left-out"), Some(2.0 * too_long as f64));
    assert_eq!(sampler.state().kept_back(), 2 * too_long);

    let batches = all(&corpus.run_with("epochs = 1\n", &text("cut")));
    let lengths: Vec<(u64, u32)> =
        batches.iter().flat_map(|b| &b.micro_batches).flat_map(|m| m.ids.iter().copied().zip(m.lengths.iter().copied())).collect();
    assert_eq!(lengths.len() as u64, N);
    assert!(lengths.iter().all(|&(id, n)| n == length(id).min(30)));
}

#[test]
fn what_a_pacing_function_cuts_is_counted_as_cut() {
    let corpus = Corpus::new(N);
    let text = rest("order = \"given\"", "truncate = \"p\"") + "[pacing.p]\nkind = \"linear\"\nmin = 5\nmax = 40\nsteps = 20\n";
    let batches = all(&corpus.run_with("epochs = 2\n", &text));
    for batch in &batches {
        let difficulty = annotation(batch, "difficulty:p").unwrap() as u32;
        for m in &batch.micro_batches {
            assert_eq!(m.lengths, m.ids.iter().map(|&id| length(id).min(difficulty)).collect::<Vec<_>>());
            assert!(m.tokens.len() <= 100);
        }
    }
    assert_eq!(batches.iter().map(|b| b.ids().count() as u64).sum::<u64>(), 2 * N);
    let (first, late) = (batches[0].ids().count(), batches[batches.len() - 3].ids().count());
    assert!(first > late, "{first} and {late}");
}

#[test]
fn the_end_of_the_data_is_shared_out_or_dropped_as_the_run_file_says() {
    let corpus = Corpus::new(N);
    for kind in KINDS {
        let given = |keys: &str| all(&corpus.run_with(keys, &rest(kind, ""))).iter().map(|b| b.ids().count() as u64).sum::<u64>();
        assert_eq!(given("epochs = 1\n"), N, "{kind}");
        let kept = given("epochs = 1\ndrop-last = true\n");
        assert!(kept <= N && kept > N - 48, "{kind}: {kept}");
    }
    // A policy that ends the run itself leaves nothing in hand either.
    let text = rest("", "").replace("plugin = \"uniform\"", "plugin = \"uniform\"\nconfig = { epochs = 1 }");
    let batches = all(&corpus.run(&text));
    let whole = all(&corpus.run_with("drop-last = true\n", &text));
    assert!(whole.len() <= batches.len() && whole.iter().flat_map(|b| &b.micro_batches).all(|m| !m.ids.is_empty()));
    let mut ids: Vec<u64> = batches.iter().flat_map(Batch::ids).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), batches.iter().map(|b| b.ids().count()).sum::<usize>());
    assert!(ids.len() as u64 > N - 48);
}

/// F57.
#[test]
fn the_learning_rate_follows_the_samples_of_each_step_and_simulate_writes_it_down() {
    let corpus = Corpus::new(N);
    for (method, name) in [(LearningRate::Linear, "linear"), (LearningRate::Sqrt, "sqrt")] {
        let text = rest(&format!("learning-rate = \"{name}\"\nbase-batch-size = 20"), "");
        let batches = all(&corpus.run_with("steps = 12\n", &text));
        for batch in &batches {
            assert_eq!(annotation(batch, "learning-rate-factor"), Some(method.factor(batch.ids().count() as u64, 20)));
        }
        let (run, csv) = (corpus.run_file(&text).display().to_string(), corpus.path("plan.csv").display().to_string());
        curricle_ok(&["simulate", &run, "--steps", "12", "--csv", &csv]);
        let csv = fs::read_to_string(csv).unwrap();
        let factors: Vec<f64> = csv
            .lines()
            .filter_map(|line| line.split_once(",annotation,learning-rate-factor,"))
            .map(|(_, factor)| factor.parse().unwrap())
            .collect();
        assert_eq!(factors, batches.iter().map(|b| annotation(b, "learning-rate-factor").unwrap()).collect::<Vec<_>>());
    }
    let batches = all(&corpus.run_with("steps = 2\n", &rest("", "")));
    assert_eq!(annotation(&batches[0], "learning-rate-factor"), None);
}

/// F58.
#[test]
fn the_scheduler_in_the_documentation_follows_the_plan() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/run-file.md")).unwrap();
    let scheduler = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    // PyTorch's LambdaLR multiplies by what the function says of the number of steps so far.
    let stand_in = "import sys, types\nfor name in ['torch', 'torch.optim', 'torch.optim.lr_scheduler']:\n    \
                    sys.modules[name] = types.ModuleType(name)\n\
                    sys.modules['torch.optim.lr_scheduler'].LambdaLR = lambda optimizer, factor: factor\n";
    let corpus = Corpus::new(N);
    let text = rest("learning-rate = \"linear\"\nbase-batch-size = 24", "");
    let (run, csv) = (corpus.run_file(&text).display().to_string(), corpus.path("plan.csv").display().to_string());
    curricle_ok(&["simulate", &run, "--steps", "12", "--csv", &csv]);
    let script =
        format!("{stand_in}{scheduler}\nfactor = variable_batch_lr(None, sys.argv[1])\nprint([factor(step) for step in range(13)])");
    let output = Command::new("python3").args(["-c", &script, &csv]).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let factors: Vec<f64> = serde_json::from_slice(&output.stdout).unwrap();
    let mut expected: Vec<f64> = all(&corpus.run_with("steps = 12\n", &text)).iter().map(|b| b.ids().count() as f64 / 24.0).collect();
    expected.push(1.0);
    assert_eq!(factors, expected);
}

#[test]
fn digests_tell_apart_where_the_same_samples_are_cut() {
    let corpus = Corpus::new(N);
    // All 48 in hand fit into four micro-batches either way.
    let first = |kind: &str| {
        let text = rest(kind, "").replace("max-tokens = 100", "max-tokens = 2000");
        all(&corpus.run_with("steps = 1\n", &text)).remove(0)
    };
    let (a, b) = (first("max-samples = 12"), first("max-samples = 13"));
    let sorted = |batch: &Batch| {
        let mut ids: Vec<u64> = batch.ids().collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(sorted(&a), sorted(&b));
    assert_ne!(a.digest, b.digest);
}

#[test]
fn sequences_of_one_length_come_as_many_as_fit() {
    let corpus = Corpus::new(N);
    let text = rest("", "").replace("[batch]\n", "sequence-length = 16\n[batch]\n");
    for batch in all(&corpus.run_with("steps = 5\n", &text)) {
        assert!(batch.micro_batches.iter().all(|m| m.ids.len() == 6 && m.tokens.len() == 96));
    }
}

#[test]
fn rows_are_packed_inside_of_micro_batches_under_a_budget() {
    let corpus = Corpus::new(N);
    let text = rest("order = \"given\"", "layout = \"rows\"\nrow-length = 50\npacker = \"best-fit-decreasing\"");
    for batch in all(&corpus.run_with("steps = 10\n", &text)) {
        for m in &batch.micro_batches {
            assert!(m.shape[0] <= 3 && m.shape[1] == 50, "{:?}", m.shape);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_sample_is_lost_whatever_the_limits(
        n in 1u64..60, in_hand in 4u32..40, max_tokens in 40u32..150, micro_batches in 1u32..5, max_samples in 1u32..9,
        kind in 0usize..4, epochs in 1u64..3,
    ) {
        let corpus = Corpus::new(n);
        let kind = ["", "order = \"length\"", "equal-size = true", "packer = \"first-fit\""][kind];
        let text = format!(
            "[batch]\nglobal-batch-size = {in_hand}\nlayout = \"padded\"\n[batch.tokens]\nmax-tokens = {max_tokens}\n\
             micro-batches = {micro_batches}\nmax-samples = {max_samples}\n{kind}\n[policy]\nplugin = \"uniform\"\n"
        );
        let batches = all(&corpus.run_with(&format!("epochs = {epochs}\nprefetch = 0\n"), &text));
        let mut times = vec![0; n as usize];
        batches.iter().flat_map(Batch::ids).for_each(|id| times[id as usize] += 1);
        prop_assert!(times.iter().all(|&times| times == epochs), "{:?}", times);
        prop_assert!(batches.iter().all(|batch| batch.micro_batches.len() == micro_batches as usize));
    }
}
