use std::{fs, path::Path};

use proptest::prelude::*;

use super::{
    super::{
        chunks::Blocks,
        outline::Outline,
        probes::probes,
        tests::{Folder, bytes, guests, load, make, small},
    },
    *,
};
use crate::{
    Error, Result,
    analysis::Outcome,
    columns::Totals,
    dataset::{Dataset, TokenType, View},
    plugin::MetricPlugin,
};

/// Small blocks, with marks of some.
fn blocks(dataset: &Dataset) -> Blocks {
    let plain = small(dataset);
    let found = probes(dataset, &plain).unwrap();
    Blocks::of(Outline::without_probes(dataset).with_probes(found), 48, 64)
}

fn open(plugin: &MetricPlugin, dataset: &Dataset, target: &Path) -> Collector {
    match Collector::in_blocks(plugin, blocks(dataset), target, false).unwrap() {
        Opening::Begun(collector) => *collector,
        Opening::UpToDate(outcome) => panic!("{outcome:?}"),
    }
}

fn worker(plugin: &MetricPlugin, dataset: &Dataset, collector: &Collector) -> Worker {
    Worker::in_blocks(plugin, blocks(dataset), collector.merged()).unwrap()
}

/// Samples as an engine has them, with tokens of another type.
struct Elsewhere {
    token_type: TokenType,
    lens: Vec<u32>,
    tokens: Vec<Vec<u8>>,
}

impl Elsewhere {
    fn of(dataset: &Dataset, token_type: TokenType) -> Elsewhere {
        let samples: Vec<Vec<i64>> = (0..dataset.len()).map(|id| dataset.sample(id).unwrap().iter().collect()).collect();
        let bytes = |sample: &Vec<i64>| sample.iter().flat_map(|t| t.to_le_bytes()[..token_type.width()].to_vec()).collect();
        Elsewhere { token_type, lens: samples.iter().map(|s| s.len() as u32).collect(), tokens: samples.iter().map(bytes).collect() }
    }

    /// Feeds a worker samples, so many at a time.
    fn feed(&self, worker: &mut Worker, samples: std::ops::Range<u64>, sizes: &[usize]) -> Result<()> {
        let mut at = samples.start as usize;
        let mut sizes = sizes.iter().cycle();
        while at < samples.end as usize {
            let end = (at + sizes.next().unwrap()).min(samples.end as usize);
            let tokens = self.tokens[at..end].concat();
            worker.feed(&Rows { first: at as u64, lens: &self.lens[at..end], token_type: self.token_type, tokens: Some(&tokens) })?;
            at = end;
        }
        Ok(())
    }

    fn find(&self, worker: &mut Worker, span: std::ops::Range<u64>, sizes: &[usize]) -> Result<Finding> {
        worker.begin(span.clone())?;
        self.feed(worker, worker.samples_of(&span), sizes)?;
        worker.finish()
    }
}

/// All rounds: `cuts` are where spans begin, `order` is who comes when, `sizes` how many samples at a time.
fn all_rounds(
    plugin: &MetricPlugin,
    dataset: &Dataset,
    data: &Elsewhere,
    target: &Path,
    (cuts, order, sizes): (&[u64], &[usize], &[usize]),
) -> Outcome {
    let mut collector = open(plugin, dataset, target);
    let n = small(dataset).len();
    let mut starts: Vec<u64> = cuts.iter().map(|cut| cut % n).chain([0, n]).collect();
    starts.sort_unstable();
    starts.dedup();
    loop {
        let mut spans: Vec<_> = starts.windows(2).map(|pair| pair[0]..pair[1]).collect();
        let mut workers = [worker(plugin, dataset, &collector), worker(plugin, dataset, &collector)];
        for i in (0..spans.len()).rev() {
            let span = spans.swap_remove(order[i % order.len()] % spans.len());
            let finding = data.find(&mut workers[i % 2], span, sizes).unwrap();
            let sent = Finding::from_bytes(&finding.to_bytes()).unwrap();
            assert_eq!(sent, finding);
            collector.add(&sent).unwrap();
        }
        if let Some(outcome) = collector.finish_round().unwrap() {
            return outcome;
        }
    }
}

#[test]
fn a_metric_of_any_number_of_passes_comes_to_the_bytes_of_one_machine() {
    let folder = Folder::new();
    let dataset = folder.documents(900);
    let data = Elsewhere::of(&dataset, TokenType::I64);
    for (name, guest) in [("none", guests::one_round()), ("one", guests::metric()), ("two", guests::two_passes())] {
        let (plugin, whole, target) =
            (load(&guest), folder.path(&format!("{name}/whole/m.arrow")), folder.path(&format!("{name}/m.arrow")));
        make(&dataset, &plugin, &whole, 2);
        let outcome = all_rounds(&load(&guest), &dataset, &data, &target, (&[3, 9, 50], &[2, 0, 1], &[7, 1, 100]));
        let Outcome::Column(column) = outcome else { panic!("{outcome:?}") };
        column.verify().unwrap();
        assert!(bytes(&target) == bytes(&whole), "{name}");
        assert!(!folder.path(&format!("{name}/m.arrow.partial")).exists());
        let again = Collector::in_blocks(&plugin, blocks(&dataset), &target, false).unwrap();
        assert!(matches!(again, Opening::UpToDate(Outcome::Column(_))));
    }
}

#[test]
fn totals_alone_come_to_the_bytes_of_one_machine() {
    let folder = Folder::new();
    let (dataset, guest) = (folder.documents(900), guests::totals_only());
    let (whole, target) = (folder.path("whole/m.arrow"), folder.path("m.arrow"));
    make(&dataset, &load(&guest), &whole, 2);
    let data = Elsewhere::of(&dataset, TokenType::U16);
    let outcome = all_rounds(&load(&guest), &dataset, &data, &target, (&[8, 16], &[0], &[64]));
    assert!(matches!(outcome, Outcome::Totals(_)) && !target.exists());
    assert!(fs::read(Totals::beside(&target)).unwrap() == fs::read(Totals::beside(&whole)).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn neither_spans_nor_order_nor_the_division_of_samples_nor_their_token_type_decide(
        n in 1u32..700,
        token_type in prop::sample::select(vec![TokenType::U16, TokenType::I16, TokenType::U32, TokenType::I32, TokenType::U64, TokenType::I64]),
        cuts in prop::collection::vec(0u64..200, 0..30),
        order in prop::collection::vec(0usize..50, 1..20),
        sizes in prop::collection::vec(1usize..90, 1..6),
    ) {
        let folder = Folder::new();
        let (dataset, guest) = (folder.documents(n), guests::metric());
        let (whole, target) = (folder.path("whole/m.arrow"), folder.path("m.arrow"));
        make(&dataset, &load(&guest), &whole, 1);
        let data = Elsewhere::of(&dataset, token_type);
        all_rounds(&load(&guest), &dataset, &data, &target, (&cuts, &order, &sizes));
        prop_assert!(bytes(&target) == bytes(&whole));
    }
}

#[test]
fn sequences_of_every_token_type_come_to_the_bytes_of_one_machine() {
    let folder = Folder::new();
    let tokens: Vec<i64> = (0..500).map(|t| t % 120).collect();
    for stored in TokenType::ALL {
        let dataset = folder.tokens(stored, &tokens, View::Sequences { length: 5, stride: 4 }, Some(120));
        let (whole, target) = (folder.path(&format!("{stored}/whole/m.arrow")), folder.path(&format!("{stored}/m.arrow")));
        let guest = guests::metric();
        make(&dataset, &load(&guest), &whole, 1);
        for given in TokenType::ALL {
            let _ = fs::remove_file(&target);
            all_rounds(&load(&guest), &dataset, &Elsewhere::of(&dataset, given), &target, (&[2, 5], &[1, 0], &[3]));
            assert!(bytes(&target) == bytes(&whole), "{stored} given as {given}");
        }
    }
}

/// The words of a refusal, with the test's folder called DIR.
fn refused<T: std::fmt::Debug>(folder: &Folder, result: Result<T>) -> String {
    result.unwrap_err().to_string().replace(&folder.path("").display().to_string(), "DIR/")
}

#[test]
fn samples_that_are_missing_doubled_or_out_of_place_are_refused_with_their_ids() {
    let folder = Folder::new();
    let (dataset, plugin) = (folder.documents(200), load(&guests::metric()));
    let collector = open(&plugin, &dataset, &folder.path("m.arrow"));
    let data = Elsewhere::of(&dataset, TokenType::U16);
    let mut worker = worker(&plugin, &dataset, &collector);
    let each = blocks(&dataset).samples_each();
    assert_eq!(each, 4);
    let all = "give every sample of the dataset once, in order";
    assert_eq!(
        refused(&folder, worker.begin(49..51)),
        "there are no blocks 49 to 51, there are 50; blocks count from 0, and a span has at least one"
    );
    assert_eq!(refused(&folder, worker.finish()), "no span of blocks was begun; give all samples of the dataset, in order");
    worker.begin(2..4).unwrap();
    assert_eq!(worker.next(), 8);
    assert_eq!(refused(&folder, data.feed(&mut worker, 9..10, &[1])), format!("sample 8 is missing: after it comes sample 9; {all}"));
    data.feed(&mut worker, 8..11, &[2]).unwrap();
    assert_eq!(
        refused(&folder, data.feed(&mut worker, 10..12, &[2])),
        format!("sample 10 is there a second time, or out of order, where sample 11 is to come; {all}")
    );
    assert_eq!(
        refused(&folder, worker.finish()),
        "the data ends before sample 11, and goes on to sample 15; give all samples of the dataset, in order"
    );
    assert_eq!(
        refused(&folder, data.feed(&mut worker, 11..17, &[6])),
        "samples come up to 16, and the blocks that were begun end with sample 15; give a worker the samples of its span alone"
    );
    let torn = worker.feed(&Rows { first: 11, lens: &[3], token_type: TokenType::U16, tokens: Some(&[0; 5]) });
    assert_eq!(refused(&folder, torn), "5 bytes of uint16 are given for samples of 3 tokens; give the tokens of all samples, end to end");
    // None of this did any harm.
    data.feed(&mut worker, 11..16, &[1]).unwrap();
    assert_eq!(worker.finish().unwrap(), data.find(&mut worker, 2..4, &[9]).unwrap());
}

#[test]
fn tokens_that_the_dataset_cannot_hold_are_refused_with_their_sample() {
    let folder = Folder::new();
    let plugin = load(&guests::metric());
    let told = |stored: TokenType, vocab_size, given: TokenType, token: i64| {
        let dataset = folder.tokens(stored, &[1, 2, 3, 4], View::sequences(2), vocab_size);
        let mut worker = Worker::in_blocks(&plugin, small(&dataset), &[]).unwrap();
        worker.begin(0..1).unwrap();
        let tokens: Vec<u8> = [1, 2, 3, token].iter().flat_map(|t: &i64| t.to_le_bytes()[..given.width()].to_vec()).collect();
        refused(&folder, worker.feed(&Rows { first: 0, lens: &[2, 2], token_type: given, tokens: Some(&tokens) }))
    };
    let advice = "check the vocabulary size and the token type, or tokenize again";
    let said = |what: &str| format!("dataset `DIR/tokens.raw`: sample 1, token 1: the token id is {what}; {advice}");
    assert_eq!(told(TokenType::U16, None, TokenType::I64, 70_000), said("70000, and the dataset's tokens are uint16"));
    assert_eq!(told(TokenType::I16, None, TokenType::U16, 40_000), said("40000, and the dataset's tokens are int16"));
    assert_eq!(told(TokenType::U16, Some(100), TokenType::U8, 100), said("100, and the vocabulary has 100"));
    assert_eq!(told(TokenType::U16, None, TokenType::I8, -1), said("-1, and a token id is not negative"));
    assert_eq!(told(TokenType::U64, None, TokenType::I64, 1 << 32), said("4294967296, and metrics are given token ids of 32 bits"));
}

#[test]
fn lengths_are_enough_for_a_metric_that_reads_no_tokens_and_for_no_other() {
    let folder = Folder::new();
    let (dataset, guest, target) = (folder.documents(300), guests::lengths_alone(), folder.path("m.arrow"));
    let whole = folder.path("whole/m.arrow");
    make(&dataset, &load(&guest), &whole, 1);
    let mut collector = open(&load(&guest), &dataset, &target);
    assert!(!collector.reads_tokens());
    let mut here = worker(&load(&guest), &dataset, &collector);
    let lens = Elsewhere::of(&dataset, TokenType::U16).lens;
    here.begin(0..blocks(&dataset).len()).unwrap();
    here.feed(&Rows { first: 0, lens: &lens, token_type: TokenType::U16, tokens: None }).unwrap();
    collector.add(&here.finish().unwrap()).unwrap();
    assert!(matches!(collector.finish_round().unwrap(), Some(Outcome::Column(_))));
    assert!(bytes(&target) == bytes(&whole));

    let collector = open(&load(&guests::metric()), &dataset, &folder.path("n.arrow"));
    let mut other = worker(&load(&guests::metric()), &dataset, &collector);
    other.begin(0..1).unwrap();
    let told = refused(&folder, other.feed(&Rows { first: 0, lens: &lens[..4], token_type: TokenType::U16, tokens: None }));
    assert_eq!(told, "lengths alone are given, and the metric reads tokens; give the tokens of all samples, end to end");
}

#[test]
fn a_view_of_sequences_is_held_to_their_length() {
    let folder = Folder::new();
    let dataset = folder.tokens(TokenType::U16, &[1, 2, 3, 4], View::sequences(2), None);
    let mut worker = Worker::in_blocks(&load(&guests::metric()), small(&dataset), &[]).unwrap();
    worker.begin(0..1).unwrap();
    let three = worker.feed(&Rows { first: 0, lens: &[2, 3], token_type: TokenType::U16, tokens: Some(&[0; 10]) });
    assert_eq!(
        refused(&folder, three),
        "dataset `DIR/tokens.raw`: sample 1 has 3 tokens where the data is, and 2 in this view of the dataset; give the engine the same view of \
         the same data"
    );
}

#[test]
fn what_does_not_belong_together_is_refused_with_what_is_wrong() {
    let folder = Folder::new();
    let (dataset, guest) = (folder.documents(200), guests::metric());
    let (plugin, target) = (load(&guest), folder.path("m.arrow"));
    let mut collector = open(&plugin, &dataset, &target);
    let data = Elsewhere::of(&dataset, TokenType::U16);
    let mut here = worker(&plugin, &dataset, &collector);
    let mut find = |span: std::ops::Range<u64>| data.find(&mut here, span, &[11]).unwrap();

    let redo = "let workers find it again from what this collector gives out";
    let said = |what: &str| format!("column `m`: {what}");
    let other = load(&guests::two_passes());
    let foreign = data.find(&mut Worker::in_blocks(&other, blocks(&dataset), &[]).unwrap(), 0..1, &[9]).unwrap();
    assert_eq!(
        refused(&folder, collector.add(&foreign)),
        said(&format!("what was found in block 0 was made by another version of plugin `hand-made`; {redo}"))
    );
    let elsewhere = Folder::new();
    let shorter = elsewhere.documents(150);
    let foreign = Elsewhere::of(&shorter, TokenType::U16);
    let foreign = foreign.find(&mut Worker::in_blocks(&plugin, blocks(&shorter), &[]).unwrap(), 0..2, &[9]).unwrap();
    assert_eq!(
        refused(&folder, collector.add(&foreign)),
        said(&format!("what was found in blocks 0 to 1 was made from another dataset, or another view of it; {redo}"))
    );

    collector.add(&find(4..8)).unwrap();
    assert_eq!(
        refused(&folder, collector.add(&find(7..9))),
        said("block 7 arrived twice, the second time with blocks 7 to 8; let each block be found once a round")
    );
    collector.add(&find(0..4)).unwrap();
    assert_eq!(
        refused(&folder, collector.finish_round()),
        said("samples 32 to 199 did not arrive (42 of 50 blocks are missing); let workers go over all blocks")
    );
    let late = find(8..50);
    collector.add(&late).unwrap();
    assert!(collector.finish_round().unwrap().is_none());
    assert_eq!(
        refused(&folder, collector.add(&late)),
        said(&format!("what was found in blocks 8 to 49 was made in round 1, and is taken for one of round 2; {redo}"))
    );
    let mut wrong = Worker::in_blocks(&plugin, blocks(&dataset), &[vec![0; 8]]).unwrap();
    let wrong = data.find(&mut wrong, 0..1, &[9]).unwrap();
    assert_eq!(
        refused(&folder, collector.add(&wrong)),
        said(&format!("what was found in block 0 was made after passes that came to something else; {redo}"))
    );
    let too_many = Worker::in_blocks(&plugin, blocks(&dataset), &[vec![0; 8], vec![0; 8]]).unwrap_err();
    assert_eq!(
        too_many.to_string(),
        "there are results of 2 passes, and metric `hand-made` makes 1; give a worker what the collector of the same metric has"
    );

    let bytes = late.to_bytes();
    for cut in [0, 1, 30, bytes.len() / 2, bytes.len() - 1] {
        assert!(
            refused(&folder, Finding::from_bytes(&bytes[..cut]))
                .starts_with("what a worker sent is no finding: it does not end as one does")
        );
    }
    let mut spoilt = bytes.clone();
    spoilt[3] ^= 1;
    assert!(refused(&folder, Finding::from_bytes(&spoilt)).contains("its bytes are not those that were sent"));
}

#[test]
fn other_data_and_another_order_are_noticed() {
    let folder = Folder::new();
    let (dataset, guest) = (folder.documents(200), guests::metric());
    let plugin = load(&guest);
    let find = |data: &Elsewhere, collector: &Collector, span| data.find(&mut worker(&plugin, &dataset, collector), span, &[5]).unwrap();
    let advice = "give the engine the same data, in the order of the dataset's samples";

    let mut collector = open(&plugin, &dataset, &folder.path("m.arrow"));
    let mut swapped = Elsewhere::of(&dataset, TokenType::U16);
    swapped.lens.swap(1, 2);
    swapped.tokens.swap(1, 2);
    assert_eq!(
        refused(&folder, collector.add(&find(&swapped, &collector, 0..1))),
        format!("dataset `DIR/data`: samples 0 to 3 have other lengths where the data is than in the dataset; {advice}")
    );
    let mut changed = Elsewhere::of(&dataset, TokenType::U16);
    let sample = changed.tokens.iter().take(4).position(|tokens| !tokens.is_empty()).unwrap();
    changed.tokens[sample][0] ^= 1;
    assert_eq!(
        refused(&folder, collector.add(&find(&changed, &collector, 0..1))),
        format!("dataset `DIR/data`: samples 0 to 3 have other tokens where the data is than in the dataset; {advice}")
    );

    // A block that the outline knows nothing of, which comes otherwise the second time.
    let data = Elsewhere::of(&dataset, TokenType::U16);
    collector.add(&find(&data, &collector, 0..50)).unwrap();
    assert!(collector.finish_round().unwrap().is_none());
    let mut changed = Elsewhere::of(&dataset, TokenType::U16);
    let sample = (4..8).find(|i| !changed.tokens[*i].is_empty()).unwrap();
    changed.tokens[sample][0] ^= 1;
    assert_eq!(
        refused(&folder, collector.add(&find(&changed, &collector, 1..2))),
        "dataset `DIR/data`: samples 4 to 7 had other tokens in round 1, and it is round 2 now; give the engine data that comes in the same order \
         every time"
    );
}

#[test]
fn a_collector_that_is_opened_again_goes_on_after_the_last_pass() {
    let folder = Folder::new();
    let (dataset, guest) = (folder.documents(300), guests::two_passes());
    let (plugin, whole, target) = (load(&guest), folder.path("whole/m.arrow"), folder.path("m.arrow"));
    make(&dataset, &plugin, &whole, 1);
    let data = Elsewhere::of(&dataset, TokenType::U16);
    let n = blocks(&dataset).len();
    let mut rounds = 0;
    loop {
        let mut collector = open(&plugin, &dataset, &target);
        assert_eq!((collector.continued(), collector.progress().rounds_done), (rounds > 0, rounds));
        let busy = Collector::in_blocks(&plugin, blocks(&dataset), &target, false).map(drop);
        assert!(matches!(busy, Err(Error::Column { .. })));
        // A round that was not finished counts for nothing.
        collector.add(&data.find(&mut worker(&plugin, &dataset, &collector), 0..3, &[4]).unwrap()).unwrap();
        drop(collector);
        assert_eq!(folder.path("m.arrow.partial").exists(), rounds > 0);
        let mut collector = open(&plugin, &dataset, &target);
        collector.add(&data.find(&mut worker(&plugin, &dataset, &collector), 0..n, &[4]).unwrap()).unwrap();
        rounds += 1;
        if collector.finish_round().unwrap().is_some() {
            let told = refused(&folder, collector.finish_round());
            assert_eq!(told, "column `m`: the result is made already; open another collector");
            break;
        }
    }
    assert_eq!(rounds, 3);
    assert!(bytes(&target) == bytes(&whole));
}

#[test]
fn an_outline_is_read_back_and_anything_else_is_refused() {
    let folder = Folder::new();
    let dataset = folder.documents(50);
    let outline = Outline::of(&dataset).unwrap();
    let json = outline.to_json();
    assert_eq!(Outline::from_json(&json).unwrap(), outline);
    assert_eq!((outline.len(), outline.n_tokens(), outline.fingerprint()), (50, dataset.n_tokens(), dataset.fingerprint()));
    assert_eq!((outline.n_blocks(), outline.samples_per_block()), (1, 65_536));
    let told = |json: &str| Outline::from_json(json).unwrap_err().to_string();
    assert!(told("{}").starts_with("this is no outline of a dataset: missing field"));
    assert!(told(&json.replace("\"version\":1", "\"version\":7")).starts_with("the outline is of version 7, this program reads 1"));
    assert!(told(&json.replace("\"samples\":50", "\"samples\":0")).starts_with("the outline is of a dataset without samples"));
}
