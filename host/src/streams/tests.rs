//! Permutations, streams and their registry: what holds of each.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{Order, Permutation, StreamState, Streams};
use crate::{
    Error,
    columns::{ColumnWriter, Columns, Condition, Provenance, Values, write_categories},
};

fn filled(permutation: &Permutation, start: u64, count: usize) -> Vec<u64> {
    let mut out = vec![0; count];
    permutation.fill(start, &mut out);
    out
}

fn is_permutation(numbers: &[u64]) -> bool {
    let mut seen = vec![false; numbers.len()];
    numbers.iter().all(|x| seen.get_mut(*x as usize).is_some_and(|seen| !std::mem::replace(seen, true)))
}

#[test]
fn every_short_permutation_is_one() {
    for len in 1..=2000 {
        assert!(is_permutation(&filled(&Permutation::new(len, len ^ 5), 0, len as usize)), "{len}");
    }
}

#[test]
fn the_ends_of_the_range_are_served() {
    assert_eq!(Permutation::new(0, 1).len(), 1);
    for len in [1 << 32, (1 << 32) + 1, 1 << 62, (1 << 62) + 1, 1 << 63] {
        let permutation = Permutation::new(len, 9);
        let ends = filled(&permutation, len - 3, 6);
        assert!(ends.iter().all(|x| *x < len));
        assert_eq!(ends.iter().collect::<BTreeSet<_>>().len(), 6);
        assert_eq!(ends[3], permutation.get(0));
    }
}

#[test]
fn orders_stay_the_same_across_versions() {
    // A change of these numbers changes every run in the world: resumed runs would see samples twice.
    assert_eq!(filled(&Permutation::new(10, 1), 0, 10), PINNED_SHORT);
    assert_eq!(filled(&Permutation::new(100_000_000, 2), 99_999_998, 4), PINNED_NARROW);
    assert_eq!(filled(&Permutation::new(1 << 40, 3), 0, 4), PINNED_WIDE);
    let mut streams = Streams::new(Arc::new(Columns::new(1000)), 42);
    let mut drawn = Vec::new();
    for (name, order) in [("shuffled", Order::Shuffled), ("independent", Order::Independent)] {
        let stream = streams.open(name, &[], &order).unwrap();
        streams.draw(stream, 4, &mut drawn).unwrap();
    }
    assert_eq!(drawn, PINNED_STREAMS);
    let identities: Vec<u64> = streams.state().iter().map(|s| s.identity).collect();
    assert_eq!(identities, PINNED_IDENTITIES);
}

const PINNED_SHORT: [u64; 10] = [0, 3, 5, 1, 8, 9, 6, 4, 2, 7];
const PINNED_NARROW: [u64; 4] = [91828585, 67213697, 96312424, 37149064];
const PINNED_WIDE: [u64; 4] = [876204844023, 561058552374, 268543464706, 676420913913];
const PINNED_STREAMS: [u64; 8] = [703, 484, 678, 619, 670, 698, 904, 59];
const PINNED_IDENTITIES: [u64; 2] = [2589238002431485553, 4745999811842411617];

proptest! {
    #[test]
    fn any_length_and_key_give_a_permutation(len in 1..200_000u64, key: u64) {
        prop_assert!(is_permutation(&filled(&Permutation::new(len, key), 0, len as usize)));
    }

    #[test]
    fn all_ways_to_ask_agree(bits in 0..64u32, low: u64, key: u64, start: u64, count in 0..3000usize) {
        let len = (1u64 << bits) | (low & ((1 << bits) - 1));
        let permutation = Permutation::new(len, key);
        let found = filled(&permutation, start, count);
        let mut portable = vec![0; count];
        permutation.fill_portable(start, &mut portable);
        prop_assert_eq!(&found, &portable);
        let len = permutation.len();
        let single: Vec<u64> = (0..count as u64).map(|i| permutation.get((start % len + i % len) % len)).collect();
        prop_assert_eq!(found, single);
    }
}

fn between(above: impl Into<Option<f64>>, at_most: impl Into<Option<f64>>) -> Condition {
    Condition::Between { column: "loss".into(), above: above.into(), at_most: at_most.into() }
}

fn category(codes: &[u32]) -> Condition {
    Condition::Category { column: "domain".into(), codes: codes.into() }
}

fn loss(id: u64) -> f32 {
    (id * 37 % 64) as f32
}

/// 300 samples: `loss` is a multiple of 1 below 64, `domain` changes with every sample.
fn columns() -> (TempDir, Arc<Columns>) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer =
        ColumnWriter::create(folder.path().join("loss.arrow"), crate::columns::ValueType::F32, Provenance::of("9f3a", 300)).unwrap();
    writer.push(&Values::F32((0..300).map(loss).collect())).unwrap();
    let names = ["web", "code", "books"].map(str::to_owned);
    let codes = (0..300).map(|id| id % 3);
    let domain = write_categories(folder.path().join("domain.arrow"), &names, codes, Provenance::of("9f3a", 300)).unwrap();
    let mut columns = Columns::new(300);
    columns.insert("loss", writer.finish().unwrap()).unwrap();
    columns.insert("domain", domain).unwrap();
    (folder, Arc::new(columns))
}

fn draw(streams: &mut Streams, stream: u32, count: usize) -> Vec<u64> {
    let mut out = Vec::new();
    streams.draw(stream, count, &mut out).unwrap();
    out
}

#[test]
fn a_shuffled_epoch_has_every_sample_once_and_the_next_another_order() {
    let (_folder, columns) = columns();
    let mut streams = Streams::new(columns, 1);
    for (name, conditions) in [("all", vec![]), ("easy", vec![between(None, 20.0)]), ("both", vec![between(None, 20.0), category(&[0, 2])])]
    {
        let stream = streams.open(name, &conditions, &Order::Shuffled).unwrap();
        let len = streams.get(stream).unwrap().len() as usize;
        let (first, second) = (draw(&mut streams, stream, len), draw(&mut streams, stream, len));
        assert_ne!(first, second);
        let sorted = |ids: Vec<u64>| ids.into_iter().collect::<BTreeSet<_>>();
        assert_eq!(sorted(first), sorted(second.clone()));
        assert_eq!(sorted(second).len(), len);
        assert_eq!(streams.get(stream).unwrap().position(), 2 * len as u64);
    }
}

#[test]
fn sequential_and_ascending_streams_begin_again_at_the_end() {
    let (_folder, columns) = columns();
    let mut streams = Streams::new(columns, 1);
    let in_order = streams.open("in order", &[between(None, 1.0)], &Order::Sequential).unwrap();
    let easy: Vec<u64> = (0..300).filter(|id| loss(*id) <= 1.0).collect();
    assert_eq!(draw(&mut streams, in_order, easy.len() + 2), [&easy[..], &easy[..2]].concat());

    let key = |id: &u64| (loss(*id) as u64, *id);
    for (name, conditions) in [
        ("one", vec![between(3.0, 9.0)]),
        ("all", vec![]),
        ("two", vec![between(3.0, 9.0), category(&[1])]),
        ("other", vec![category(&[1, 2])]),
    ] {
        let stream = streams.open(name, &conditions, &Order::Ascending("loss".into())).unwrap();
        let len = streams.get(stream).unwrap().len() as usize;
        let drawn = draw(&mut streams, stream, len);
        assert!(drawn.is_sorted_by_key(key), "{name}");
        assert_eq!(draw(&mut streams, stream, 1), drawn[..1]);
    }
    let message = streams.open("bad", &[], &Order::Ascending("domain".into())).unwrap_err().to_string();
    assert!(message.starts_with("column `domain` was used as a column of numbers"), "{message}");
}

#[test]
fn reopening_goes_on_and_other_conditions_are_refused() {
    let (_folder, columns) = columns();
    let mut streams = Streams::new(columns, 1);
    let stream = streams.open("easy", &[between(None, 20.0), category(&[1, 0, 1])], &Order::Shuffled).unwrap();
    draw(&mut streams, stream, 5);
    assert_eq!(streams.open("easy", &[category(&[0, 1]), between(None, 20.0)], &Order::Shuffled).unwrap(), stream);
    assert_eq!(streams.get(stream).unwrap().position(), 5);
    let message = streams.open("easy", &[between(None, 21.0)], &Order::Shuffled).unwrap_err().to_string();
    assert_eq!(
        message,
        "state `stream easy`: it was opened before with other conditions or another order; use the same conditions and order, or another name"
    );
    assert!(matches!(streams.open("easy", &[between(None, 20.0)], &Order::Sequential), Err(Error::State { .. })));
}

#[test]
fn what_cannot_be_opened_says_why() {
    let (_folder, columns) = columns();
    let mut streams = Streams::new(columns, 1);
    let mut refuse = |name: &str, conditions: &[Condition], text: &str| {
        assert_eq!(streams.open(name, conditions, &Order::Shuffled).unwrap_err().to_string(), text);
    };
    refuse("hard", &[between(64.0, None)], "stream `hard` selects none of the 300 samples; loosen its conditions");
    refuse("", &[], "a stream cannot be named ``; give it 1 to 128 bytes without control characters");
    refuse("a\nb", &[], "a stream cannot be named `a\\nb`; give it 1 to 128 bytes without control characters");
    assert!(streams.open(&"é".repeat(64), &[], &Order::Shuffled).is_ok());
    assert!(streams.open(&"é".repeat(65), &[], &Order::Shuffled).is_err());
    let message = streams.draw(7, 1, &mut Vec::new()).unwrap_err().to_string();
    assert_eq!(message, "there is no stream 7, 1 were opened; use the numbers that `open` gave");
    streams.set_max_memory(10);
    let message =
        streams.open("many", &[], &Order::Shuffled).and(streams.open("set", &[between(0.0, 9.0), category(&[1])], &Order::Shuffled));
    assert!(message.unwrap_err().to_string().starts_with("with stream `set` the selections take"));
    assert_eq!(streams.len(), 2);
}

#[test]
fn an_order_that_is_too_large_is_refused_before_it_is_laid_out() {
    let (_folder, columns) = columns();
    let mut streams = Streams::new(columns, 1);
    streams.set_max_memory(9);
    let by = |column: &str| Order::Ascending(column.to_owned());
    for (condition, order, text) in [
        (category(&[1]), by("loss"), "with stream `s` the selections take at least 800 bytes, 9 are allowed; "),
        (between(None, 20.0), Order::Sequential, "with stream `s` the selections take at least "),
        (between(None, 20.0), by("domain"), "column `domain` was used as a column of numbers"),
        (between(64.0, None), by("none"), "stream `s` selects none of the 300 samples"),
    ] {
        let message = streams.open("s", &[condition], &order).unwrap_err().to_string();
        assert!(message.starts_with(text), "{message}");
    }
    for (name, condition, order) in [("one code", category(&[1]), Order::Sequential), ("one range", between(None, 20.0), by("loss"))] {
        streams.open(name, &[condition], &order).unwrap();
    }
}

#[test]
fn a_state_outlives_the_run_even_if_its_streams_are_not_opened() {
    let (_folder, columns) = columns();
    let mut streams = Streams::new(columns.clone(), 1);
    let easy = streams.open("easy", &[between(None, 20.0)], &Order::Shuffled).unwrap();
    let all = streams.open("all", &[], &Order::Independent).unwrap();
    draw(&mut streams, easy, 1000);
    draw(&mut streams, all, 10);
    let state = streams.state();
    let names: Vec<&str> = state.iter().map(|s| &*s.name).collect();
    assert_eq!(names, ["all", "easy"]);
    let json = serde_json::to_string(&state).unwrap();
    let next = (draw(&mut streams, easy, 50), draw(&mut streams, all, 50));

    let mut resumed = Streams::new(columns, 1);
    resumed.restore(serde_json::from_str(&json).unwrap()).unwrap();
    assert_eq!(resumed.state(), state);
    let easy = resumed.open("easy", &[between(None, 20.0)], &Order::Shuffled).unwrap();
    assert_eq!(resumed.state(), state);
    let message = resumed.open("all", &[], &Order::Shuffled).unwrap_err().to_string();
    assert!(message.starts_with("state `stream all`: it was saved with other conditions"), "{message}");
    let all = resumed.open("all", &[], &Order::Independent).unwrap();
    assert_eq!((draw(&mut resumed, easy, 50), draw(&mut resumed, all, 50)), next);

    resumed.restore(state.clone()).unwrap();
    assert_eq!((draw(&mut resumed, easy, 50), draw(&mut resumed, all, 50)), next);
}

#[test]
fn a_damaged_state_changes_nothing() {
    let (_folder, columns) = columns();
    let mut streams = Streams::new(columns, 1);
    streams.open("easy", &[between(None, 20.0)], &Order::Shuffled).unwrap();
    let before = streams.state();
    let with = |name: &str, position, identity| StreamState { name: name.into(), position, identity };
    let good = StreamState { position: 9, ..before[0].clone() };
    for bad in [with("easy", 1, 2), with("x", u64::MAX, 0), with("a\0", 1, 0), good.clone()] {
        assert!(matches!(streams.restore(vec![good.clone(), bad]), Err(Error::State { .. })));
        assert_eq!(streams.state(), before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn draws_depend_on_the_position_only(
        cuts in prop::collection::vec(0..400usize, 1..12),
        order in prop::sample::select(&[Order::Shuffled, Order::Independent, Order::Sequential][..]),
        start in 0..1_000_000u64,
        seed: u64,
    ) {
        let mut streams = Streams::new(Arc::new(Columns::new(123)), seed);
        let stream = streams.open("s", &[], &order).unwrap();
        let identity = streams.state()[0].identity;
        let at = |position| vec![StreamState { name: "s".into(), position, identity }];
        streams.restore(at(start)).unwrap();
        let mut parts = Vec::new();
        for cut in &cuts {
            streams.draw(stream, *cut, &mut parts).unwrap();
        }
        prop_assert_eq!(streams.get(stream).unwrap().position(), start + parts.len() as u64);
        streams.restore(at(start)).unwrap();
        prop_assert_eq!(draw(&mut streams, stream, parts.len()), parts.clone());
        for (i, sample) in parts.iter().enumerate().step_by(17) {
            streams.restore(at(start + i as u64)).unwrap();
            prop_assert_eq!(draw(&mut streams, stream, 1), vec![*sample]);
        }
    }
}

#[test]
fn seed_and_name_decide_a_random_order_and_nothing_else() {
    let columns = Arc::new(Columns::new(1000));
    let first = |seed, name: &str, others: &[&str]| {
        let mut streams = Streams::new(columns.clone(), seed);
        for other in others {
            streams.open(other, &[], &Order::Shuffled).unwrap();
        }
        let stream = streams.open(name, &[], &Order::Shuffled).unwrap();
        draw(&mut streams, stream, 20)
    };
    assert_eq!(first(1, "a", &[]), first(1, "a", &["b", "c"]));
    assert_ne!(first(1, "a", &[]), first(2, "a", &[]));
    assert_ne!(first(1, "a", &[]), first(1, "b", &[]));
}
