//! Chunks, the line and the tree by themselves.

use proptest::prelude::*;

use super::*;
use crate::{
    analysis::{
        chunks::{Depth, Reader},
        line::{Line, Merge, Sink},
        place::{Place, cover},
        tree::Tree,
    },
    plugin::Samples,
};

/// The chunks of a dataset: first sample, tokens and lengths.
fn chunks(dataset: &Dataset, depth: Depth) -> Vec<(u64, Vec<u8>, Vec<u32>)> {
    let (blocks, mut reader) = (small(dataset), Reader::default());
    let mut found = Vec::new();
    for block in 0..blocks.len() {
        let show = |samples: &Samples<'_>| {
            let lens = samples.offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
            found.push((samples.first, samples.tokens.to_vec(), lens));
            Ok(())
        };
        reader.read(dataset, &blocks, block, depth, show).unwrap();
    }
    found
}

#[test]
fn chunks_hold_every_sample_once_and_no_more_tokens_than_they_may() {
    let folder = Folder::new();
    let dataset = folder.documents(2_000);
    let found = chunks(&dataset, Depth::Tokens);
    let mut id = 0;
    for (first, tokens, lens) in &found {
        assert_eq!(*first, id);
        assert!(!lens.is_empty() && (tokens.len() <= 64 || lens.len() == 1));
        let expected: Vec<u8> = (0..lens.len() as u64).flat_map(|i| dataset.sample(id + i).unwrap().bytes().to_vec()).collect();
        assert_eq!(*tokens, expected);
        id += lens.len() as u64;
    }
    assert_eq!(id, dataset.len());
    let lengths = chunks(&dataset, Depth::Lengths);
    assert!(lengths.iter().zip(&found).all(|(a, b)| a.0 == b.0 && a.1.is_empty() && a.2 == b.2) && lengths.len() == found.len());
}

#[test]
fn sequences_of_every_token_type_come_as_unsigned_tokens() {
    let folder = Folder::new();
    let tokens: Vec<i64> = (0..100).collect();
    for token_type in TokenType::ALL {
        for (length, stride) in [(5, 5), (5, 4), (3, 7)] {
            let dataset = folder.tokens(token_type, &tokens, View::Sequences { length, stride }, None);
            let width = token_type.width().min(4);
            let found: Vec<u8> = chunks(&dataset, Depth::Checked).into_iter().flat_map(|(_, tokens, _)| tokens).collect();
            let ids = (0..dataset.len() as i64).flat_map(|i| (0..i64::from(length)).map(move |t| i * i64::from(stride) + t));
            assert_eq!(found, ids.flat_map(|t| t.to_le_bytes()[..width].to_vec()).collect::<Vec<u8>>(), "{token_type} {length} {stride}");
        }
    }
}

/// Takes numbers in order.
struct Numbers(Vec<u64>);

impl Sink for Numbers {
    type Found = u64;

    fn take(&mut self, found: u64, _: &mut Vec<Merge>) -> Result<()> {
        self.0.push(found);
        Ok(())
    }
}

#[test]
fn a_line_delivers_in_order_whoever_is_fast() {
    let line = Line::new(3..300, 4, Numbers(Vec::new()));
    thread::scope(|scope| {
        for worker in 0..4u64 {
            let line = &line;
            scope.spawn(move || {
                let read = |_: &mut (), block: u64| {
                    thread::sleep(Duration::from_micros(block.wrapping_mul(worker * 37) % 200));
                    Ok(block)
                };
                line.serve(&mut (), read, |_, _| Ok(Vec::new()));
            });
        }
        while !line.watch(Duration::from_millis(1)).over {
            line.at_rest(|sink, delivered| assert_eq!(sink.0.len() as u64 + 3, delivered));
        }
    });
    let (sink, delivered) = line.finish().unwrap();
    assert_eq!((sink.0, delivered), ((3..300).collect(), 300));
}

/// What a guest would make of neighbours.
fn join(group: &[Vec<u8>]) -> Result<Vec<u8>> {
    Ok(format!("({})", group.iter().map(|p| String::from_utf8_lossy(p)).collect::<String>()).into_bytes())
}

/// The nodes of a range of blocks, whose merges come back in another order, with a break in the middle.
fn nodes(partials: &[Vec<u8>], range: std::ops::Range<usize>, order: &[usize], break_at: usize) -> Vec<(Place, Vec<u8>)> {
    let mut tree = Tree::restore(0, Vec::new(), range.start as u64);
    let (mut due, mut out) = (Vec::new(), Vec::new());
    for i in range.clone() {
        tree.take(partials[i].clone(), &mut due).unwrap();
        out.append(&mut due);
        let drain = i == break_at || i + 1 == range.end;
        while !out.is_empty() && (drain || order[i % order.len()].is_multiple_of(5)) {
            let merge: Merge = out.remove(order[i % order.len()] % out.len());
            let place = merge.place;
            tree.merged(place, merge.make(join).unwrap(), &mut due);
            out.append(&mut due);
        }
        if i == break_at {
            tree = Tree::restore(0, tree.nodes(), i as u64 + 1);
        }
    }
    tree.nodes()
}

/// The root of a tree of all nodes of several ranges.
fn root(nodes: Vec<(Place, Vec<u8>)>) -> Vec<u8> {
    let mut tree = Tree::restore(0, Vec::new(), 0);
    let mut due = Vec::new();
    for (place, result) in nodes {
        tree.add(place, result, &mut due);
        while let Some(merge) = due.pop() {
            let place = merge.place;
            tree.add(place, merge.make(join).unwrap(), &mut due);
        }
    }
    tree.finish(join).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_shape_of_the_tree_does_not_depend_on_who_merges_when_nor_on_the_parts(
        sizes in prop::collection::vec(prop_oneof![40 => 1usize..4, 1 => Just(3 << 20)], 1..400),
        order in prop::collection::vec(0usize..100, 1..20),
        break_at in 0usize..400,
        mut cuts in prop::collection::vec(0usize..400, 0..5),
    ) {
        let partials: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, n)| vec![b'a' + (i % 26) as u8; *n]).collect();
        let n = partials.len();
        let whole = root(nodes(&partials, 0..n, &[0], usize::MAX));
        prop_assert!(root(nodes(&partials, 0..n, &order, break_at)) == whole);
        let letters = |bytes: &[u8]| bytes.iter().copied().filter(u8::is_ascii_lowercase).collect::<Vec<u8>>();
        prop_assert!(letters(&whole) == partials.concat());

        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(n));
        cuts.extend([0, n]);
        cuts.sort_unstable();
        let mut parts: Vec<_> = cuts.windows(2).map(|pair| nodes(&partials, pair[0]..pair[1], &order, break_at)).collect();
        for (part, pair) in parts.iter().zip(cuts.windows(2)) {
            let places: Vec<Place> = part.iter().map(|(place, _)| *place).collect();
            prop_assert_eq!(places, cover(pair[0] as u64..pair[1] as u64));
        }
        let by = order[0] % parts.len();
        parts.rotate_left(by);
        prop_assert!(root(parts.concat()) == whole);
    }
}
