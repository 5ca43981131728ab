use curricle::{Run, Sampler, SamplerState, batch::Batch};
use curricle_tests::Corpus;
use proptest::prelude::*;

const UNIFORM: &str = "[policy]\nplugin = \"uniform\"\n";

const CURRICULUM: &str = "[policy]\nplugin = \"curriculum\"\n[policy.config]\nmetrics = [\
    { column = \"length\", by = \"value\", pacing = \"length\" }, { column = \"hardness\", by = \"percentile\", pacing = \"hard\" }]\n\
    [pacing.length]\nkind = \"linear\"\nmin = 8\nmax = 40\nsteps = 20\nquantum = 4\n\
    [pacing.hard]\nkind = \"root\"\nmin = 20\nmax = 100\nsteps = 25\nquantum = 10\n";

const MIXTURE: &str = "[policy]\nplugin = \"mixture\"\n[policy.config]\ncolumn = \"domain\"\ninterpolate = true\n\
    schedule = [{ step = 0, weights = { code = 1.0, prose = 3.0 } }, { step = 20, weights = { code = 2.0, tables = 1.0 } }]\n";

const POLICIES: [&str; 3] = [UNIFORM, CURRICULUM, MIXTURE];
const STEPS: u64 = 40;
const GLOBAL: u32 = 24;

fn run(corpus: &Corpus, policy: &str, batch: &str, prefetch: usize) -> Run {
    let run = corpus.run_with(&format!("prefetch = {prefetch}\n"), &format!("[batch]\nglobal-batch-size = {GLOBAL}\n{batch}\n{policy}"));
    assert_eq!(run.shape().global(), GLOBAL);
    run
}

/// What a whole run gives out: digest and ids of each step.
fn whole(corpus: &Corpus, policy: &str) -> Vec<([u8; 16], Vec<u64>)> {
    let mut sampler = Sampler::start(&run(corpus, policy, "", 0)).unwrap();
    (0..STEPS)
        .map(|_| {
            let batch = sampler.next_batch().unwrap().unwrap();
            (batch.digest.0, batch.ids().collect())
        })
        .collect()
}

/// Joins the batches of all ranks back into the global order.
fn global_order(ranks: &[Batch]) -> Vec<u64> {
    let accumulation = ranks[0].micro_batches.len();
    (0..accumulation).flat_map(|a| ranks.iter().flat_map(move |rank| rank.micro_batches[a].ids.iter().copied())).collect()
}

#[test]
fn any_ranks_and_micro_batches_give_the_same_global_order() {
    let corpus = Corpus::new(500);
    for policy in POLICIES {
        let expected = whole(&corpus, policy);
        for (world, micro) in [(1, 24), (1, 4), (2, 12), (2, 3), (3, 8), (4, 2), (8, 1), (24, 1)] {
            let mut samplers: Vec<Sampler> = (0..world)
                .map(|rank| {
                    let batch = format!("micro-batch-size = {micro}\ndp-rank = {rank}\ndp-world-size = {world}");
                    Sampler::start(&run(&corpus, policy, &batch, 2)).unwrap()
                })
                .collect();
            for (digest, ids) in &expected {
                let batches: Vec<Batch> = samplers.iter_mut().map(|s| s.next_batch().unwrap().unwrap()).collect();
                assert!(batches.iter().all(|b| b.digest.0 == *digest), "{world} ranks of {micro}");
                assert_eq!(&global_order(&batches), ids, "{world} ranks of {micro}");
            }
        }
    }
}

#[test]
fn prefetch_changes_nothing_and_the_state_is_that_of_the_last_batch_received() {
    let corpus = Corpus::new(500);
    for policy in POLICIES {
        let expected = whole(&corpus, policy);
        let mut states: Vec<String> = Vec::new();
        for prefetch in [0, 1, 8] {
            let mut sampler = Sampler::start(&run(&corpus, policy, "", prefetch)).unwrap();
            for (i, (digest, ids)) in expected.iter().enumerate() {
                let batch = sampler.next_batch().unwrap().unwrap();
                assert_eq!((batch.digest.0, &batch.ids().collect::<Vec<_>>()), (*digest, ids));
                let state = sampler.state().to_json();
                match states.get(i) {
                    Some(earlier) => assert_eq!(&state, earlier),
                    None => states.push(state),
                }
            }
        }
    }
}

#[test]
fn resuming_at_every_step_gives_the_rest_of_the_run() {
    let corpus = Corpus::new(500);
    for policy in POLICIES {
        let expected = whole(&corpus, policy);
        let run = run(&corpus, policy, "", 2);
        let mut state: Option<SamplerState> = None;
        for (digest, ids) in &expected {
            let mut sampler = match &state {
                None => Sampler::start(&run).unwrap(),
                Some(state) => Sampler::resume(&run, &SamplerState::from_json(&state.to_json(), "memory").unwrap()).unwrap(),
            };
            let batch = sampler.next_batch().unwrap().unwrap();
            assert_eq!((batch.digest.0, &batch.ids().collect::<Vec<_>>()), (*digest, ids));
            state = Some(sampler.state());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn resuming_with_other_ranks_and_micro_batches_goes_on_with_the_same_order(
        policy in 0usize..3,
        breaks in proptest::collection::vec((1u64..12, prop::sample::select(vec![(1u32, 24u32), (2, 6), (3, 2), (6, 4)])), 1..5),
    ) {
        let corpus = Corpus::new(300);
        let expected = whole(&corpus, POLICIES[policy]);
        let mut expected = expected.iter();
        let mut state: Option<SamplerState> = None;
        for (steps, (world, micro)) in breaks {
            let mut samplers: Vec<Sampler> = (0..world)
                .map(|rank| {
                    let batch = format!("micro-batch-size = {micro}\ndp-rank = {rank}\ndp-world-size = {world}");
                    let run = run(&corpus, POLICIES[policy], &batch, 1);
                    match &state {
                        None => Sampler::start(&run).unwrap(),
                        Some(state) => Sampler::resume(&run, state).unwrap(),
                    }
                })
                .collect();
            for (digest, ids) in expected.by_ref().take(steps as usize) {
                let batches: Vec<Batch> = samplers.iter_mut().map(|s| s.next_batch().unwrap().unwrap()).collect();
                prop_assert!(batches.iter().all(|b| b.digest.0 == *digest));
                prop_assert_eq!(&global_order(&batches), ids);
            }
            state = Some(samplers[0].state());
        }
    }
}

#[test]
fn another_seed_gives_another_order() {
    let corpus = Corpus::new(500);
    let first = whole(&corpus, UNIFORM);
    let text = format!("seed = 8\n[dataset]\npath = \"data\"\n[batch]\nglobal-batch-size = {GLOBAL}\n{UNIFORM}");
    let config = curricle::RunConfig::parse(&text, "run.toml", corpus.path("")).unwrap();
    let mut sampler = Sampler::start(&Run::open(config).unwrap()).unwrap();
    let other = sampler.next_batch().unwrap().unwrap();
    assert_ne!(other.ids().collect::<Vec<_>>(), first[0].1);
}
