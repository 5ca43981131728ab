//! What the whole-system tests share: small datasets, run files, the `curricle` command.

pub mod bench;
pub mod browser;
pub mod fuzz;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use curricle::{
    Run, RunConfig,
    columns::{ColumnWriter, Provenance, ValueType, Values, write_categories},
    dataset::{Dataset, IndexedWriter, Magic, TokenType},
};
use tempfile::TempDir;

/// A folder with a dataset of `n` documents, a `length`, a `hardness` and a `domain` column; gone when dropped.
#[derive(Debug)]
pub struct Corpus {
    folder: TempDir,
}

/// Length of document `i`: 1 to 40 tokens.
pub fn length(i: u64) -> u32 {
    (1 + noise(i) % 40) as u32
}

/// Hardness of document `i`: 0 to 999.
pub fn hardness(i: u64) -> u32 {
    (noise(i ^ (1 << 40)) % 1000) as u32
}

/// Domain of document `i`.
pub fn domain(i: u64) -> u32 {
    (noise(i ^ (1 << 41)) % 3) as u32
}

/// Names of the domains.
pub const DOMAINS: [&str; 3] = ["code", "prose", "tables"];

/// Token `t` of document `i`.
pub fn token(i: u64, t: u32) -> u16 {
    (noise(i << 20 | u64::from(t)) % 1000) as u16
}

/// A number that depends on `i` alone and looks random.
pub fn noise(i: u64) -> u64 {
    let mut z = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Corpus {
    /// Makes one.
    pub fn new(n: u64) -> Corpus {
        let corpus = Corpus { folder: tempfile::tempdir().expect("a temporary folder") };
        let mut writer = IndexedWriter::create(corpus.path("data"), TokenType::U16, Magic::MMap).expect("a dataset");
        for i in 0..n {
            let document: Vec<u8> = (0..length(i)).flat_map(|t| token(i, t).to_le_bytes()).collect();
            writer.push(&document).expect("a document");
            writer.end_document().expect("an end");
        }
        writer.finish().expect("a dataset");

        let dataset = corpus.dataset();
        let columns = dataset.columns_dir();
        fs::create_dir_all(&columns).expect("a folder for columns");
        type Value = fn(u64) -> u32;
        for (name, value) in [("length", length as Value), ("hardness", hardness)] {
            let path = columns.join(format!("{name}.arrow"));
            let mut writer = ColumnWriter::create(path, ValueType::U32, corpus.provenance()).expect("a column");
            writer.push(&Values::U32((0..n).map(value).collect())).expect("values");
            writer.finish().expect("a column");
        }
        let codes: Vec<u32> = (0..n).map(domain).collect();
        let names: Vec<String> = DOMAINS.map(String::from).to_vec();
        write_categories(columns.join("domain.arrow"), &names, codes, corpus.provenance()).expect("categories");
        corpus
    }

    /// A path inside its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its dataset, as documents.
    pub fn dataset(&self) -> Dataset {
        Dataset::open(self.path("data")).expect("the dataset")
    }

    /// What says that a column belongs to it.
    pub fn provenance(&self) -> Provenance {
        let dataset = self.dataset();
        Provenance::of(dataset.fingerprint().to_string(), dataset.len())
    }

    /// Opens a run over it: `seed` and `[dataset]` are given, the rest is `rest`.
    pub fn run(&self, rest: &str) -> Run {
        self.try_run(rest).expect("a run")
    }

    /// As [`run`](Corpus::run), with keys of the whole file.
    pub fn run_with(&self, keys: &str, rest: &str) -> Run {
        let text = format!("seed = 7\n{keys}[dataset]\npath = \"data\"\n{rest}");
        Run::open(RunConfig::parse(&text, "run.toml", self.folder.path()).expect("a run file")).expect("a run")
    }

    /// As [`run`](Corpus::run), for runs that are refused.
    pub fn try_run(&self, rest: &str) -> curricle::Result<Run> {
        let text = format!("seed = 7\n[dataset]\npath = \"data\"\n{rest}");
        Run::open(RunConfig::parse(&text, "run.toml", self.folder.path())?)
    }

    /// Writes a run file over it and gives its path.
    pub fn run_file(&self, rest: &str) -> PathBuf {
        let path = self.path("curricle.toml");
        fs::write(&path, format!("seed = 7\n[dataset]\npath = \"data\"\n{rest}")).expect("a run file");
        path
    }
}

/// A compiled plugin of this repository.
///
/// # Panics
/// If the plugins were not built: `cargo xtask test` does so first.
pub fn plugin(name: &str) -> PathBuf {
    match curricle::plugin::find(name) {
        Ok(path) => path,
        Err(error) => panic!("{error}\nrun the tests with `cargo xtask test`, which builds the plugins first"),
    }
}

/// Whether the long suites are to run whole: `cargo xtask test --soak` says so. Otherwise each runs a cut of itself that takes less than a minute.
pub fn soak() -> bool {
    env::var_os("CURRICLE_SOAK").is_some_and(|value| !value.is_empty() && value != "0")
}

/// The `curricle` command of the same build.
pub fn command() -> Command {
    let program = env::var_os("CURRICLE_BIN").map(PathBuf::from).unwrap_or_else(|| {
        // The test stands in target/PROFILE/deps.
        let own = env::current_exe().expect("this test's own path");
        own.ancestors().nth(2).unwrap_or(Path::new(".")).join("curricle")
    });
    assert!(program.exists(), "`{}` is not built; run the tests with `cargo xtask test`", program.display());
    Command::new(program)
}

/// Runs `curricle` with these words.
pub fn curricle(args: &[&str]) -> Output {
    command().args(args).output().expect("to run curricle")
}

/// Runs `curricle`, which must succeed, and gives what it printed.
pub fn curricle_ok(args: &[&str]) -> String {
    let output = curricle(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curricle {args:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("text")
}
