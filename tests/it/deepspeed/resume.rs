//! Going on where a run stood, which is more than DeepSpeed's checkpoints can.

use std::fs;

use curricle::{Run, Sampler, SamplerState, batch::Batch};
use curricle_tests::Corpus;

/// A curriculum whose first cluster is of a few samples, so that it wraps within a batch.
fn run(corpus: &Corpus, keys: &str) -> Run {
    corpus.run_with(
        keys,
        "[batch]\nglobal-batch-size = 16\nmicro-batch-size = 4\n[policy]\nplugin = \"curriculum\"\n[policy.config]\nmetrics = [\
         { column = \"length\", by = \"value\", pacing = \"length\" }, { column = \"hardness\", by = \"percentile\", pacing = \"hard\" }]\n\
         [pacing.length]\nkind = \"linear\"\nmin = 4\nmax = 40\nsteps = 20\nquantum = 4\n\
         [pacing.hard]\nkind = \"discrete\"\ndifficulty = [10, 40, 100]\nuntil = [5, 15]\n",
    )
}

fn next(sampler: &mut Sampler) -> Batch {
    sampler.next_batch().unwrap().unwrap()
}

fn same(a: &Batch, b: &Batch) {
    assert_eq!((a.step, a.digest, a.ids().collect::<Vec<_>>()), (b.step, b.digest, b.ids().collect::<Vec<_>>()));
}

fn reread(sampler: &Sampler) -> SamplerState {
    SamplerState::from_json(&sampler.state().to_json(), "memory").unwrap()
}

/// B1: DeepSpeed saved the state of another generator than it draws from, and set that one at the resume.
#[test]
fn a_resumed_run_goes_on_as_if_uninterrupted_and_disturbs_no_other() {
    let corpus = Corpus::new(400);
    let (run, uniform) = (run(&corpus, ""), corpus.run("[batch]\nglobal-batch-size = 16\n[policy]\nplugin = \"uniform\""));
    let alone: Vec<Batch> = {
        let mut other = Sampler::start(&uniform).unwrap();
        (0..30).map(|_| next(&mut other)).collect()
    };
    let (mut straight, mut interrupted, mut other) =
        (Sampler::start(&run).unwrap(), Sampler::start(&run).unwrap(), Sampler::start(&uniform).unwrap());
    for (step, expected) in alone.iter().enumerate() {
        same(&next(&mut interrupted), &next(&mut straight));
        same(&next(&mut other), expected);
        if step % 7 == 3 {
            interrupted = Sampler::resume(&run, &reread(&interrupted)).unwrap();
        }
    }
}

/// B2: DeepSpeed shuffles the file of a cluster anew when it comes to its end, so that an earlier checkpoint found another order.
#[test]
fn a_state_from_before_a_cluster_came_to_its_end_goes_on_in_the_order_of_then() {
    let corpus = Corpus::new(60);
    let run = run(&corpus, "");
    let mut straight = Sampler::start(&run).unwrap();
    let (mut states, mut given) = (vec![reread(&straight)], Vec::new());
    for _ in 0..20 {
        given.push(next(&mut straight));
        states.push(reread(&straight));
    }
    let first = run.planner().unwrap().plan().unwrap().map(|planned| planned.plan.ids().to_vec()).unwrap();
    let distinct: std::collections::BTreeSet<u64> = first.iter().copied().collect();
    assert!(distinct.len() < 8, "the first cluster is too large to come to its end within a batch");
    for (state, from) in states.iter().zip(0..20).rev() {
        let mut sampler = Sampler::resume(&run, state).unwrap();
        for expected in &given[from..] {
            same(&next(&mut sampler), expected);
        }
    }
}

/// B4: DeepSpeed's state ran ahead with the workers that prefetch.
#[test]
fn a_state_is_that_of_what_the_trainer_got_whatever_was_made_ahead() {
    let corpus = Corpus::new(400);
    let (ahead, inline) = (run(&corpus, "prefetch = 8\n"), run(&corpus, "prefetch = 0\n"));
    let (mut sampler, mut reference) = (Sampler::start(&ahead).unwrap(), Sampler::start(&inline).unwrap());
    for step in 0..20u64 {
        assert_eq!(sampler.state().step(), step);
        assert_eq!(sampler.state().consumed_samples(), 16 * step);
        assert_eq!(sampler.state().to_json(), reference.state().to_json());
        let batch = next(&mut sampler);
        same(&batch, &next(&mut reference));
        same(
            &next(&mut Sampler::resume(&ahead, &reread(&sampler)).unwrap()),
            &next(&mut Sampler::resume(&inline, &reread(&reference)).unwrap()),
        );
    }
}

/// B5: DeepSpeed took over files of clusters that another run had left.
#[test]
fn a_run_leaves_nothing_on_disk_that_another_could_pick_up() {
    let corpus = Corpus::new(400);
    let files = || {
        let mut found = Vec::new();
        let mut folders = vec![corpus.path("")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    found.push((entry.path(), fs::read(entry.path()).unwrap()));
                }
            }
        }
        found.sort();
        found
    };
    let before = files();
    let mut sampler = Sampler::start(&run(&corpus, "")).unwrap();
    let first: Vec<Batch> = (0..30).map(|_| next(&mut sampler)).collect();
    drop(sampler);
    assert!(before == files(), "the run wrote into the folder of its data");
    let mut again = Sampler::start(&run(&corpus, "")).unwrap();
    first.iter().for_each(|batch| same(&next(&mut again), batch));
}

/// B33: DeepSpeed's clusters were there twice after a state was loaded twice, and its state was a view of what went on changing.
#[test]
fn a_state_is_a_value_that_may_be_loaded_as_often_as_one_likes() {
    let corpus = Corpus::new(400);
    let run = run(&corpus, "");
    let mut sampler = Sampler::start(&run).unwrap();
    (0..12).for_each(|_| drop(next(&mut sampler)));
    let state = sampler.state();
    let json = state.to_json();
    let expected: Vec<Batch> = (0..10).map(|_| next(&mut sampler)).collect();
    assert_eq!(state.to_json(), json, "the state changed while the run went on");
    for _ in 0..3 {
        let mut resumed = Sampler::resume(&run, &state).unwrap();
        assert_eq!(resumed.state().to_json(), json);
        // Loaded again without having drawn.
        let mut resumed_twice = Sampler::resume(&run, &resumed.state()).unwrap();
        assert_eq!(resumed_twice.state().to_json(), json);
        for batch in &expected {
            same(&next(&mut resumed), batch);
            same(&next(&mut resumed_twice), batch);
        }
        assert_eq!(resumed.state().to_json(), sampler.state().to_json());
    }
}
