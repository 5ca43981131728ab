pub(super) mod guests;
mod leftovers;
mod parts;
mod pieces;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use self::guests::{measuring, metric, tangled};
use super::{analyze::analyze_in, chunks::Blocks, *};
use crate::{
    Error, Result,
    columns::Provenance,
    dataset::{self, Dataset, IndexedWriter, Magic, TokenType, View},
    plugin::{Limits, MetricPlugin, tests::guest::GuestFile},
};

pub(super) fn load(guest: &GuestFile) -> MetricPlugin {
    MetricPlugin::load("m", &guest.path(), &serde_json::Value::Null, &Limits::default()).unwrap()
}

pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `n` documents of 0 to 12 tokens.
    pub(super) fn documents(&self, n: u32) -> Dataset {
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

    pub(super) fn tokens(&self, token_type: TokenType, tokens: &[i64], view: View, vocab_size: Option<u64>) -> Dataset {
        let width = token_type.width();
        let bytes: Vec<u8> = tokens.iter().flat_map(|t| t.to_le_bytes()[..width].to_vec()).collect();
        fs::write(self.path("tokens.raw"), bytes).unwrap();
        let options =
            dataset::Options { view, token_type: Some(token_type), format: Some(dataset::Format::Raw), vocab_size, ..Default::default() };
        Dataset::open_with(self.path("tokens.raw"), &options).unwrap()
    }
}

/// Blocks of a few samples.
pub(super) fn small(dataset: &Dataset) -> Blocks {
    Blocks::of(Outline::without_probes(dataset), 48, 64)
}

pub(super) fn make(dataset: &Dataset, plugin: &MetricPlugin, target: &Path, threads: usize) -> Report {
    analyze_in(dataset, &small(dataset), plugin, target, &Options { threads, ..Options::default() }).unwrap()
}

pub(super) fn bytes(path: &Path) -> (Vec<u8>, Vec<u8>) {
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
            assert_eq!((report.tokens, report.column().unwrap().len()), (2 * dataset.n_tokens(), 20_000));
            assert!(!folder.path(&format!("{threads}/m.arrow.partial")).exists());
            report.column().unwrap().verify().unwrap();
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
    assert!(report.made && report.column().unwrap().len() == 600);
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
        match analyze_in(dataset, &small(dataset), plugin, target, &options) {
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
        assert!(matches!(analyze_in(&dataset, &small(&dataset), &load(&guest), &target, &stop), Err(Error::Interrupted { .. })));
        spoil();
        assert!(!make(&dataset, &load(&guest), &target, 2).continued);
        assert_eq!(bytes(&target), bytes(&whole));
        fs::remove_file(&target).unwrap();
    }
}

#[test]
fn two_processes_do_not_make_one_column() {
    let folder = Folder::new();
    let held = journal::Folder::open(&folder.path("m.arrow"), "m").unwrap();
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
        let error = analyze_in(&dataset, &small(&dataset), &load(&guest), &folder.path("m.arrow"), &options).unwrap_err();
        assert_eq!(error.to_string(), "plugin `m`, metric.measure: its value for sample 1234 is NaN; tell the author of the plugin");
        assert!(!folder.path("m.arrow").exists() && !folder.path("m.arrow.partial").exists());
    }
}

#[test]
fn tokens_outside_of_what_metrics_are_given_are_refused_with_their_sample() {
    let folder = Folder::new();
    let refused = |token_type, tokens: &[i64], vocab_size| {
        let dataset = folder.tokens(token_type, tokens, View::sequences(2), vocab_size);
        let error = analyze_in(&dataset, &small(&dataset), &load(&metric()), &folder.path("m.arrow"), &Options::default()).unwrap_err();
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
    analyze_in(&dataset, &small(&dataset), &load(&metric()), &folder.path("m.arrow"), &options).unwrap();
    let last = Progress { rounds_done: 1, rounds: 2, samples: 3_000, n_samples: 3_000, tokens: 2 * dataset.n_tokens() };
    assert_eq!(seen.borrow().last(), Some(&last));
}
