use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{
    analyze::analyze_in,
    chunks::{Blocks, Depth, Reader},
    line::{Line, Merge, Sink},
    tree::Tree,
    *,
};
use crate::{
    Error, Result,
    columns::Provenance,
    dataset::{self, Dataset, IndexedWriter, Magic, TokenType, View},
    plugin::{
        Limits, MetricPlugin,
        tests::guest::{GuestFile, GuestText, guest},
    },
};

/// Gives memory back between calls, since nothing outlives one.
const FREE: &str = "(global.set $next (i32.const 131072))";

/// A guest whose every value depends on every token before and after it, and on the order in which partial results are merged.
fn tangled() -> GuestText {
    guest("metric")
        .with("(func $grow (drop (memory.grow (i32.const 256)))) (start $grow)")
        .with("(data (i32.const 96) \"\\00\\00\\00\\00\\01\\00\\00\\00\\01\")")
        .export("configure", "(param i32 i32) (result i32) (i32.const 96)")
        .with(
            "(func $mix (param i64) (i64.store (i32.const 2048)
                (i64.add (i64.mul (i64.load (i32.const 2048)) (i64.const 1000003)) (local.get 0))))",
        )
        .export(
            "accumulate",
            &format!(
                "(param i32 i64 i32 i32 i32 i32 i32) (result i32) (local $end i32)
                (call $mix (local.get 1))
                (local.set $end (i32.add (local.get 3) (local.get 4)))
                (block $done (loop $next
                    (br_if $done (i32.ge_u (local.get 3) (local.get $end)))
                    (call $mix (i64.load8_u (local.get 3)))
                    (local.set 3 (i32.add (local.get 3) (i32.const 1)))
                    (br $next)))
                {FREE} (i32.const 0)"
            ),
        )
        .export(
            "partial",
            "(param i32) (result i32)
                (i64.store (i32.const 2064) (i64.load (i32.const 2048))) (i64.store (i32.const 2048) (i64.const 0))
                (i32.store (i32.const 112) (i32.const 2064)) (i32.store (i32.const 116) (i32.const 8)) (i32.const 112)",
        )
        .export(
            "merge",
            &format!(
                "(param i32 i32 i32) (result i32)
                (i64.store (i32.const 2048) (i64.const 7))
                (block $done (loop $next
                    (br_if $done (i32.eqz (local.get 2)))
                    (call $mix (i64.load (i32.load (local.get 1))))
                    (local.set 1 (i32.add (local.get 1) (i32.const 8)))
                    (local.set 2 (i32.sub (local.get 2) (i32.const 1)))
                    (br $next)))
                (i64.store (i32.const 2072) (i64.load (i32.const 2048))) (i64.store (i32.const 2048) (i64.const 0))
                (i32.store (i32.const 132) (i32.const 2072)) (i32.store (i32.const 136) (i32.const 8)) {FREE} (i32.const 128)"
            ),
        )
        .export(
            "finish",
            &format!("(param i32 i32 i32) (result i32) (i64.store (i32.const 2056) (i64.load (local.get 1))) {FREE} (i32.const 0)"),
        )
        .export(
            "totals",
            "(result i32) (f64.store (i32.const 2080) (f64.convert_i64_u (i64.load (i32.const 2056))))
                (i32.store (i32.const 144) (i32.const 2080)) (i32.store (i32.const 148) (i32.const 1)) (i32.const 144)",
        )
}

/// What the last round answers: 64-bit values of the case `case`, each left on the stack by `value`, which finds the id of its sample in
/// local 0 and its length in local `$len`.
fn measuring(guest: GuestText, case: u32, value: &str) -> GuestText {
    guest.export(
        "measure",
        &format!(
            "(param i64 i32 i32 i32 i32 i32) (result i32) (local $at i32) (local $len i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -8)))
            (local.set 5 (i32.sub (local.get 5) (i32.const 1)))
            (i32.store (i32.const 164) (i32.const {case}))
            (i32.store (i32.const 168) (local.get $at)) (i32.store (i32.const 172) (local.get 5))
            (block $done (loop $next
                (br_if $done (i32.eqz (local.get 5)))
                (local.set $len (i32.sub (i32.load offset=4 (local.get 4)) (i32.load (local.get 4))))
                (i64.store (local.get $at) {value})
                (local.set 0 (i64.add (local.get 0) (i64.const 1)))
                (local.set 4 (i32.add (local.get 4) (i32.const 4)))
                (local.set 5 (i32.sub (local.get 5) (i32.const 1)))
                (local.set $at (i32.add (local.get $at) (i32.const 8)))
                (br $next)))
            {FREE} (i32.const 160)"
        ),
    )
}

fn metric() -> GuestFile {
    let value = "(i64.add (i64.load (i32.const 2056)) (i64.add (local.get 0) (i64.extend_i32_u (local.get $len))))";
    measuring(tangled(), 3, value).file()
}

fn load(guest: &GuestFile) -> MetricPlugin {
    MetricPlugin::load("m", &guest.path(), &serde_json::Value::Null, &Limits::default()).unwrap()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `n` documents of 0 to 12 tokens.
    fn documents(&self, n: u32) -> Dataset {
        let mut writer = IndexedWriter::create(self.path("data"), TokenType::U16, Magic::MMap).unwrap();
        for i in 0..n {
            let noise = i.wrapping_mul(2_654_435_761) >> 16;
            let tokens: Vec<u8> = (0..noise % 13).flat_map(|t| ((noise.wrapping_mul(t + 1) % 500) as u16).to_le_bytes()).collect();
            writer.push(&tokens).unwrap();
            writer.end_document().unwrap();
        }
        writer.finish().unwrap();
        Dataset::open(self.path("data")).unwrap()
    }

    fn tokens(&self, token_type: TokenType, tokens: &[i64], view: View, vocab_size: Option<u64>) -> Dataset {
        let width = token_type.width();
        let bytes: Vec<u8> = tokens.iter().flat_map(|t| t.to_le_bytes()[..width].to_vec()).collect();
        fs::write(self.path("tokens.raw"), bytes).unwrap();
        let options =
            dataset::Options { view, token_type: Some(token_type), format: Some(dataset::Format::Raw), vocab_size, ..Default::default() };
        Dataset::open_with(self.path("tokens.raw"), &options).unwrap()
    }
}

/// Blocks of a few samples.
fn small(dataset: &Dataset) -> Blocks<'_> {
    Blocks::of(dataset, 48, 64)
}

fn make(dataset: &Dataset, plugin: &MetricPlugin, target: &Path, threads: usize) -> Report {
    analyze_in(small(dataset), plugin, target, &Options { threads, ..Options::default() }).unwrap()
}

fn bytes(path: &Path) -> (Vec<u8>, Vec<u8>) {
    (fs::read(path).unwrap(), fs::read(path.with_extension("totals.arrow")).unwrap())
}

#[test]
fn any_number_of_threads_makes_the_same_bytes() {
    let folder = Folder::new();
    let (dataset, guest) = (folder.documents(20_000), metric());
    let made: Vec<_> = [1, 2, 5]
        .map(|threads| {
            let target = folder.path(&format!("{threads}/m.arrow"));
            let report = make(&dataset, &load(&guest), &target, threads);
            assert!(report.made && !report.continued && report.threads == threads);
            assert_eq!((report.tokens, report.column.len()), (2 * dataset.n_tokens(), 20_000));
            assert!(!folder.path(&format!("{threads}/m.arrow.partial")).exists());
            report.column.verify().unwrap();
            bytes(&target)
        })
        .into();
    assert!(made.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_column_that_is_up_to_date_is_left_alone_and_a_stale_one_is_replaced() {
    let folder = Folder::new();
    let (guest, target) = (metric(), folder.path("columns/m.arrow"));
    let dataset = folder.documents(500);
    assert!(make(&dataset, &load(&guest), &target, 1).made);
    assert!(!make(&dataset, &load(&guest), &target, 1).made);
    let force = Options { force: true, ..Options::default() };
    assert!(analyze(&dataset, &load(&guest), &target, &force).unwrap().made);

    let other = folder.documents(600);
    let report = make(&other, &load(&guest), &target, 2);
    assert!(report.made && report.column.len() == 600);
    // Another program with the same name: a release of it, say.
    let changed = measuring(tangled(), 3, "(i64.const 5)").file();
    assert!(make(&other, &load(&changed), &target, 2).made);
}

#[test]
fn what_something_else_made_is_not_replaced() {
    let folder = Folder::new();
    let (dataset, guest) = (folder.documents(100), metric());
    let refused = |target: &Path| {
        let error = analyze(&dataset, &load(&guest), target, &Options::default()).unwrap_err();
        error.to_string().replace(&folder.path("").display().to_string(), "DIR/")
    };
    let target = folder.path("m.arrow");
    fs::write(&target, b"mine").unwrap();
    assert!(refused(&target).starts_with("column `m`: `DIR/m.arrow` is there already and is no column that can be read ("));
    assert_eq!(fs::read(&target).unwrap(), b"mine");

    let target = folder.path("length.arrow");
    let mut writer = crate::columns::ColumnWriter::create(&target, crate::columns::ValueType::U32, Provenance::of("9f3a", 1)).unwrap();
    writer.push(&crate::columns::Values::U32(vec![1])).unwrap();
    writer.finish().unwrap();
    assert_eq!(
        refused(&target),
        "column `length`: `DIR/length.arrow` is there already and was made by no plugin; give the column another name, or force it to be \
         replaced"
    );
    assert!(analyze(&dataset, &load(&guest), &target, &Options { force: true, ..Options::default() }).unwrap().made);
}

/// Interrupts again and again until the column is there; `between` may spoil what lies around meanwhile.
fn piecemeal(dataset: &Dataset, plugin: &MetricPlugin, target: &Path, between: impl Fn(u32)) -> u32 {
    let stop = || {
        thread::sleep(Duration::from_millis(3));
        true
    };
    for interruptions in 0.. {
        let threads = 1 + interruptions as usize % 3;
        let options = Options { threads, interrupted: Some(&stop), ..Options::default() };
        match analyze_in(small(dataset), plugin, target, &options) {
            Ok(report) => {
                assert_eq!(report.continued, interruptions > 0);
                return interruptions;
            }
            Err(error) => {
                let expected = format!("interrupted while analyzing `{}`; the same command goes on from here", dataset.path().display());
                assert_eq!((error.to_string(), error.code()), (expected, "interrupted"));
                between(interruptions);
            }
        }
    }
    0
}

#[test]
fn an_interrupted_analysis_goes_on_and_makes_the_same_bytes() {
    let folder = Folder::new();
    let (dataset, guest) = (folder.documents(60_000), metric());
    let (whole, pieces) = (folder.path("whole/m.arrow"), folder.path("pieces/m.arrow"));
    make(&dataset, &load(&guest), &whole, 2);
    let plugin = load(&guest);
    let interruptions = piecemeal(&dataset, &plugin, &pieces, |_| {
        // As if it had been killed some time after the last entry in the journal.
        let values = folder.path("pieces/m.arrow.partial/values");
        if values.exists() {
            fs::OpenOptions::new().append(true).open(values).unwrap().write_all(b"torn").unwrap();
        }
    });
    assert!(interruptions >= 3, "{interruptions} interruptions");
    assert_eq!(bytes(&pieces), bytes(&whole));
    assert!(!folder.path("pieces/m.arrow.partial").exists());
}

#[test]
fn a_journal_of_something_else_or_damaged_is_started_over_from() {
    let folder = Folder::new();
    let (dataset, guest) = (folder.documents(20_000), metric());
    let (whole, target) = (folder.path("whole/m.arrow"), folder.path("m.arrow"));
    make(&dataset, &load(&guest), &whole, 2);
    let partial = folder.path("m.arrow.partial");
    let stop = Options { interrupted: Some(&|| true), ..Options::default() };
    let spoil: [&dyn Fn(); 4] = [
        &|| fs::write(partial.join("journal.json"), b"{}").unwrap(),
        &|| fs::write(partial.join("journal.json"), b"\xff").unwrap(),
        &|| {
            let journal = fs::read_to_string(partial.join("journal.json")).unwrap();
            let dataset = dataset.fingerprint().to_string();
            fs::write(partial.join("journal.json"), journal.replace(&dataset, "9f3a")).unwrap();
        },
        &|| {
            let journal = fs::read_to_string(partial.join("journal.json")).unwrap();
            let start = journal.find("\"merged\": []").unwrap();
            let journal = format!("{}\"merged\": [9]{}", &journal[..start], &journal[start + 12..]);
            fs::write(partial.join("journal.json"), journal).unwrap();
        },
    ];
    for spoil in spoil {
        assert!(matches!(analyze_in(small(&dataset), &load(&guest), &target, &stop), Err(Error::Interrupted { .. })));
        spoil();
        assert!(!make(&dataset, &load(&guest), &target, 2).continued);
        assert_eq!(bytes(&target), bytes(&whole));
        fs::remove_file(&target).unwrap();
    }
}

#[test]
fn two_processes_do_not_make_one_column() {
    let folder = Folder::new();
    let held = journal::Folder::open(&folder.path("m.arrow")).unwrap();
    let error = analyze(&folder.documents(10), &load(&metric()), &folder.path("m.arrow"), &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "column `m`: another process is making it; wait until it is done, or give this one another place");
    held.remove().unwrap();
}

#[test]
fn of_several_faults_that_of_the_first_sample_is_told_and_nothing_stays_behind() {
    let folder = Folder::new();
    let dataset = folder.documents(10_000);
    // NaN from sample 1 234 on.
    let value = "(select (i64.const -1) (i64.const 0) (i64.ge_u (local.get 0) (i64.const 1234)))";
    let guest = measuring(tangled(), 1, value).file();
    for threads in [1, 2, 5, 5, 5] {
        let options = Options { threads, ..Options::default() };
        let error = analyze_in(small(&dataset), &load(&guest), &folder.path("m.arrow"), &options).unwrap_err();
        assert_eq!(error.to_string(), "plugin `m`, metric.measure: its value for sample 1234 is NaN; tell the author of the plugin");
        assert!(!folder.path("m.arrow").exists() && !folder.path("m.arrow.partial").exists());
    }
}

#[test]
fn tokens_outside_of_what_metrics_are_given_are_refused_with_their_sample() {
    let folder = Folder::new();
    let refused = |token_type, tokens: &[i64], vocab_size| {
        let dataset = folder.tokens(token_type, tokens, View::sequences(2), vocab_size);
        let error = analyze_in(small(&dataset), &load(&metric()), &folder.path("m.arrow"), &Options::default()).unwrap_err();
        error.to_string().replace(&folder.path("").display().to_string(), "DIR/")
    };
    let advice = "check the vocabulary size and the token type, or tokenize again";
    assert_eq!(
        refused(TokenType::U16, &[1, 2, 3, 4, 5, 100], Some(100)),
        format!("dataset `DIR/tokens.raw`: sample 2, token 1: the token id is 100, and the vocabulary has 100; {advice}")
    );
    assert_eq!(
        refused(TokenType::I32, &[1, 2, -3, 4], None),
        format!("dataset `DIR/tokens.raw`: sample 1, token 0: the token id is -3, and a token id is not negative; {advice}")
    );
    assert_eq!(
        refused(TokenType::U64, &[1, 2, 3, 1 << 32], None),
        format!(
            "dataset `DIR/tokens.raw`: sample 1, token 1: the token id is 4294967296, and metrics are given token ids of 32 bits; {advice}"
        )
    );
}

#[test]
fn progress_counts_rounds_and_samples() {
    let folder = Folder::new();
    let dataset = folder.documents(3_000);
    let seen = std::cell::RefCell::new(Vec::new());
    let progress = |progress: Progress| seen.borrow_mut().push(progress);
    let options = Options { threads: 2, progress: Some(&progress), ..Options::default() };
    analyze_in(small(&dataset), &load(&metric()), &folder.path("m.arrow"), &options).unwrap();
    let last = Progress { rounds_done: 1, rounds: 2, samples: 3_000, n_samples: 3_000, tokens: 2 * dataset.n_tokens() };
    assert_eq!(seen.borrow().last(), Some(&last));
}

/// The chunks of a dataset: first sample, tokens and lengths.
fn chunks(blocks: &Blocks<'_>, depth: Depth) -> Vec<(u64, Vec<u8>, Vec<u32>)> {
    let mut reader = Reader::default();
    let mut found = Vec::new();
    for block in 0..blocks.len() {
        let show = |samples: &crate::plugin::Samples<'_>| {
            let lens = samples.offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
            found.push((samples.first, samples.tokens.to_vec(), lens));
            Ok(())
        };
        reader.read(blocks, block, depth, show).unwrap();
    }
    found
}

#[test]
fn chunks_hold_every_sample_once_and_no_more_tokens_than_they_may() {
    let folder = Folder::new();
    let dataset = folder.documents(2_000);
    let found = chunks(&small(&dataset), Depth::Tokens);
    let mut id = 0;
    for (first, tokens, lens) in &found {
        assert_eq!(*first, id);
        assert!(!lens.is_empty() && (tokens.len() <= 64 || lens.len() == 1));
        let expected: Vec<u8> = (0..lens.len() as u64).flat_map(|i| dataset.sample(id + i).unwrap().bytes().to_vec()).collect();
        assert_eq!(*tokens, expected);
        id += lens.len() as u64;
    }
    assert_eq!(id, dataset.len());
    let lengths = chunks(&small(&dataset), Depth::Lengths);
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
            let found: Vec<u8> = chunks(&small(&dataset), Depth::Checked).into_iter().flat_map(|(_, tokens, _)| tokens).collect();
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

/// Merges that come back in another order, with a break in the middle, against merges one after the other.
fn merged(partials: &[Vec<u8>], order: &[usize], break_at: usize) -> Vec<u8> {
    let join = |group: &[Vec<u8>]| format!("({})", group.iter().map(|p| String::from_utf8_lossy(p)).collect::<String>()).into_bytes();
    let mut tree = Tree::restore(0, Vec::new(), 0);
    let (mut due, mut out) = (Vec::new(), Vec::new());
    for (i, partial) in partials.iter().enumerate() {
        tree.take(vec![partial.clone()], &mut due).unwrap();
        out.append(&mut due);
        let drain = i == break_at || i + 1 == partials.len();
        while !out.is_empty() && (drain || order[i % order.len()].is_multiple_of(5)) {
            let merge: Merge = out.remove(order[i % order.len()] % out.len());
            let result = join(&merge.group);
            tree.merged(merge, result, &mut due);
            out.append(&mut due);
        }
        if i == break_at {
            tree = Tree::restore(0, tree.resting(), i as u64 + 1);
        }
    }
    tree.finish(|group| Ok(join(group))).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_shape_of_the_tree_does_not_depend_on_who_merges_when(
        sizes in prop::collection::vec(prop_oneof![40 => 1usize..4, 1 => Just(3 << 20)], 1..400),
        order in prop::collection::vec(0usize..100, 1..20),
        break_at in 0usize..400,
    ) {
        let partials: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, n)| vec![b'a' + (i % 26) as u8; *n]).collect();
        let (one, other) = (merged(&partials, &[0], usize::MAX), merged(&partials, &order, break_at));
        prop_assert!(one == other);
        let letters = |bytes: &[u8]| bytes.iter().copied().filter(u8::is_ascii_lowercase).collect::<Vec<u8>>();
        prop_assert!(letters(&one) == partials.concat());
    }
}
