use std::sync::Arc;

use proptest::prelude::*;

use super::{Draw, Plan, Refusal};
use crate::{
    batch::{Keep, Pieces},
    columns::Columns,
    streams::{Order, Streams},
};

fn streams(n_samples: u64, names: &[&str]) -> Streams {
    let mut streams = Streams::new(Arc::new(Columns::new(n_samples)), 7);
    for name in names {
        streams.open(name, &[], &Order::Sequential).unwrap();
    }
    streams
}

fn breach(result: Result<(), Refusal>) -> String {
    match result {
        Err(Refusal::Breach { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

fn answer(result: Result<(), Refusal>) -> String {
    match result {
        Err(Refusal::Answer(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn too_many_samples_are_refused_before_any_is_drawn() {
    let mut streams = streams(100, &["a", "b"]);
    let mut plan = Plan::new(16);
    plan.draw(&mut streams, &[0], &[10]).unwrap();
    assert_eq!(breach(plan.draw(&mut streams, &[0, 1], &[1, u32::MAX])), "asked for 4294967306 samples, the batch has 16");
    assert_eq!(breach(plan.append(&[1; 7], 100)), "asked for 17 samples, the batch has 16");
    assert_eq!(streams.get(0).unwrap().position(), 10);
    assert_eq!(streams.get(1).unwrap().position(), 0);
    assert_eq!(plan.ids().len(), 10);
}

#[test]
fn a_stream_may_be_named_in_two_calls_but_not_twice_in_one() {
    let mut streams = streams(100, &["a", "b"]);
    let mut plan = Plan::new(8);
    plan.draw(&mut streams, &[0, 1], &[2, 0]).unwrap();
    plan.draw(&mut streams, &[1, 0], &[2, 2]).unwrap();
    assert_eq!(breach(plan.draw(&mut streams, &[1, 1], &[1, 1])), "named stream 1 twice in one `plan.draw`");
    assert_eq!(breach(plan.draw(&mut streams, &[2], &[1])), "drew from stream 2, which was never opened");
    assert_eq!(breach(plan.draw(&mut streams, &[0, 1], &[1])), "drew from 2 streams with 1 counts");
    let expected = [(0, 2), (1, 2), (0, 2)].map(|(stream, count)| Draw { stream, count });
    assert_eq!(plan.draws(), expected);
}

#[test]
fn an_incomplete_batch_names_both_numbers() {
    let mut plan = Plan::new(4);
    plan.append(&[1, 2, 3], 10).unwrap();
    assert_eq!(breach(plan.finish(1, 1)), "the batch came to 3 samples, 4 were asked for");
}

#[test]
fn samples_that_do_not_exist_are_an_answer() {
    let mut plan = Plan::new(4);
    assert_eq!(answer(plan.append(&[9, 10], 10)), "sample 10 does not exist, the dataset has 10");
    assert!(plan.ids().is_empty());
}

#[test]
fn annotations_are_finite_named_and_few() {
    let mut plan = Plan::new(1);
    plan.annotate("difficulty", 1.0).unwrap();
    plan.annotate("difficulty", 2.0).unwrap();
    assert_eq!(plan.annotations(), [("difficulty".to_owned(), 2.0)]);
    assert_eq!(answer(plan.annotate("x", f64::NAN)), "annotation `x` is NaN, it must be finite");
    let refused = answer(plan.annotate("a\nb", 0.0));
    assert_eq!(refused, "`a\\nb` cannot name an annotation, a name is 1 to 64 bytes without control characters");
    for i in 1..64 {
        plan.annotate(&format!("n{i}"), 0.0).unwrap();
    }
    assert_eq!(answer(plan.annotate("more", 0.0)), "no room for annotation `more`, a step has at most 64");
}

#[test]
fn a_truncation_to_nothing_is_a_breach() {
    let mut plan = Plan::new(1);
    assert_eq!(breach(plan.truncate(0)), "truncated the samples to 0 tokens");
    plan.truncate(5).unwrap();
    plan.truncate(7).unwrap();
    assert_eq!(plan.truncation(), Some(7));
    assert_eq!(breach(plan.divide(Pieces { length: 0, keep: Keep::All })), "divided the samples into pieces of 0 tokens");
}

#[test]
fn a_reset_plan_equals_a_fresh_one() {
    let fill = |plan: &mut Plan| {
        plan.append(&[5, 6, 7], 10).unwrap();
        plan.finish(3, 4).unwrap();
        plan.digest()
    };
    let mut used = Plan::new(2);
    used.annotate("a", 1.0).unwrap();
    used.truncate(3).unwrap();
    used.divide(Pieces { length: 2, keep: Keep::All }).unwrap();
    used.keep_order();
    used.reset(3);
    assert_eq!(fill(&mut used), fill(&mut Plan::new(3)));
}

#[test]
fn the_digest_tells_apart_what_differs() {
    let digest = |change: fn(&mut Plan)| {
        let mut plan = Plan::new(1000);
        let ids: Vec<u64> = (0..1000).collect();
        plan.append(&ids, 1000).unwrap();
        change(&mut plan);
        plan.finish(1, 2).unwrap();
        plan.digest()
    };
    let mut digests = [
        digest(|_| {}),
        digest(|p| p.keep_order()),
        digest(|p| p.truncate(9).unwrap()),
        digest(|p| p.annotate("a", 0.0).unwrap()),
        digest(|p| p.annotate("a", -0.0).unwrap()),
        digest(|p| p.divide(Pieces { length: 9, keep: Keep::All }).unwrap()),
        digest(|p| p.divide(Pieces { length: 9, keep: Keep::Rows }).unwrap()),
    ];
    digests.sort();
    assert!(digests.windows(2).all(|pair| pair[0] != pair[1]));
}

proptest! {
    #[test]
    fn finishing_permutes_the_samples(n in 1u64..300, seed: u64, step: u64) {
        let ids: Vec<u64> = (0..n).map(|i| i * 3).collect();
        let mut plan = Plan::new(n as u32);
        plan.append(&ids, n * 3).unwrap();
        plan.finish(seed, step).unwrap();
        let mut sorted = plan.ids().to_vec();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, ids);
    }
}
