//! Which samples, how many, on which rank.

use std::collections::BTreeMap;

use curricle::{Run, Sampler, SamplerState, batch::Batch};
use curricle_tests::Corpus;

const UNIFORM: &str = "[policy]\nplugin = \"uniform\"\n";

/// All batches of one rank.
fn whole(run: &Run) -> Vec<Batch> {
    let mut sampler = Sampler::start(run).unwrap();
    std::iter::from_fn(|| sampler.next_batch().unwrap()).collect()
}

/// How often each sample came.
fn counts(ids: impl IntoIterator<Item = u64>) -> BTreeMap<u64, u32> {
    let mut counts = BTreeMap::new();
    ids.into_iter().for_each(|id| *counts.entry(id).or_default() += 1);
    counts
}

/// Joins the batches of all ranks at one step back into the global order.
fn global_order<'a>(ranks: impl Iterator<Item = &'a Batch> + Clone) -> Vec<u64> {
    let n = ranks.clone().map(|batch| batch.micro_batches.len()).max().unwrap();
    (0..n).flat_map(|a| ranks.clone().flat_map(move |batch| batch.micro_batches[a].ids.iter().copied())).collect()
}

/// B32, F19.
#[test]
fn a_run_gives_exactly_epochs_times_samples_in_as_many_steps_as_it_says() {
    let corpus = Corpus::new(64);
    for (epochs, global, drop_last, steps) in
        [(1, 16, false, 4), (2, 24, false, 6), (2, 24, true, 5), (3, 500, false, 1), (3, 500, true, 0)]
    {
        let keys = format!("epochs = {epochs}\ndrop-last = {drop_last}\n");
        let run = corpus.run_with(&keys, &format!("[batch]\nglobal-batch-size = {global}\n{UNIFORM}"));
        let batches = whole(&run);
        assert_eq!(run.n_steps(), Some(steps));
        assert_eq!(batches.len() as u64, steps);
        let given: Vec<u64> = batches.iter().flat_map(Batch::ids).collect();
        assert_eq!(given.len() as u64, if drop_last { steps * global } else { 64 * epochs });
        if !drop_last {
            assert!(counts(given).values().all(|&n| u64::from(n) == epochs));
        }
    }
}

#[test]
fn the_number_of_samples_stays_exact_over_resumes_with_other_global_batches_and_ranks() {
    let corpus = Corpus::new(100);
    let run = |global: u32, world: u32, rank: u32| {
        let batch = format!("[batch]\nglobal-batch-size = {global}\nmicro-batch-size = 2\ndp-world-size = {world}\ndp-rank = {rank}\n");
        corpus.run_with("epochs = 2\n", &format!("{batch}{UNIFORM}"))
    };
    let mut given = Vec::new();
    let mut state: Option<SamplerState> = None;
    for (global, world) in [(12, 2), (8, 4), (28, 1), (60, 3), (60, 3), (60, 2)].into_iter().cycle() {
        let mut samplers: Vec<Sampler> = (0..world)
            .map(|rank| match &state {
                None => Sampler::start(&run(global, world, rank)).unwrap(),
                Some(state) => Sampler::resume(&run(global, world, rank), state).unwrap(),
            })
            .collect();
        let batches: Option<Vec<Batch>> = samplers.iter_mut().map(|s| s.next_batch().unwrap()).collect();
        let Some(batches) = batches else { break };
        given.extend(global_order(batches.iter()));
        state = Some(samplers[0].state());
        assert_eq!(state.as_ref().unwrap().consumed_samples(), given.len() as u64);
    }
    assert_eq!(counts(given), (0..100).map(|id| (id, 2)).collect());
}

/// B11, F17, F18.
#[test]
fn an_incomplete_batch_gives_every_rank_as_many_micro_batches_and_shares_out_its_samples() {
    let corpus = Corpus::new(27);
    let layouts = [
        "layout = \"packed\"",
        "layout = \"padded\"\npad-to = 40",
        "layout = \"padded\"",
        "layout = \"rows\"\nrow-length = 40\npacker = { plugin = \"first-fit\" }",
    ];
    for (world, layout) in [1u32, 2, 4, 8].into_iter().zip(layouts) {
        // 24 samples, then 3.
        let ranks: Vec<Vec<Batch>> = (0..world)
            .map(|rank| {
                let batch = format!("[batch]\nglobal-batch-size = 24\nmicro-batch-size = {}\n{layout}\n", 24 / world / 3);
                let run = corpus.run_with("epochs = 1\n", &format!("{batch}{UNIFORM}")).with_rank(rank, world).unwrap();
                whole(&run)
            })
            .collect();
        let one = whole(&corpus.run_with("epochs = 1\n", &format!("[batch]\nglobal-batch-size = 24\n{UNIFORM}")));
        for (step, alone) in one.iter().enumerate() {
            let batches = ranks.iter().map(|rank| &rank[step]);
            assert_eq!(global_order(batches.clone()), alone.ids().collect::<Vec<_>>());
            assert!(batches.clone().all(|b| b.digest == alone.digest));
            let n = batches.clone().map(|b| b.micro_batches.len()).collect::<Vec<_>>();
            assert!(n.iter().all(|&m| m == n[0]), "{n:?}");
            for a in 0..n[0] {
                let sizes: Vec<usize> = batches.clone().map(|b| b.micro_batches[a].ids.len()).collect();
                assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
            }
        }
        for m in ranks.iter().flat_map(|rank| &rank[1].micro_batches).filter(|m| m.ids.is_empty()) {
            assert_eq!((m.tokens.len(), m.offsets(), m.rows().count(), m.shape[0] * m.shape[1]), (0, vec![0], 0, 0));
        }
    }
}
