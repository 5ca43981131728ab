//! Plugins that do wrong in every way that we know of: each costs one clear error, and nothing else.

pub(super) mod guest;
mod drive;
mod row;
mod load;
mod bombs;
mod link;
mod limit;
mod trap;
mod contract;
mod state;
mod domain;
mod harmless;
mod damage;
mod escaping;

use std::{env, panic::AssertUnwindSafe, process::Command};

use curricle::{Error, Sampler};
use curricle_tests::Corpus;

use self::{
    drive::Bench,
    row::{Memory, Row, SLACK},
};

fn rows() -> Vec<Row> {
    [load::rows(), bombs::rows(), link::rows(), limit::rows(), trap::rows(), contract::rows(), state::rows(), domain::rows()].concat()
}

/// Digests of the first 5 batches of two well-behaved policies over the corpus of this suite.
const UNIFORM: [&str; 5] = [
    "ad55d2ef861981613537fe8268c5aeac",
    "0a441615d658025ce72c0d4c414da63a",
    "867b9f79820190ede0be5d81de234df3",
    "e639ba41d9e4968b7c027036105aa1ba",
    "2ac853746ab364088142cf59e9f7a532",
];
const MIXTURE: [&str; 5] = [
    "dbb8761b330e0ec281ae59f5ef79b2a5",
    "d0d415e353b7fe7f1252fabe618fab57",
    "6db9258746a92ac52729702a4edd9941",
    "81d715a4c8f9e6e5b7811dcd9266e48a",
    "9715bbf6cebb02dc880949acdfb9a9cd",
];

const GOOD: [(&str, [&str; 5]); 2] = [
    ("plugin = \"uniform\"\n", UNIFORM),
    ("plugin = \"mixture\"\nconfig = { column = \"domain\", weights = { code = 1.0, prose = 3.0 } }\n", MIXTURE),
];

fn good_digests(corpus: &Corpus, policy: &str) -> Vec<String> {
    let run = corpus.run(&format!("[batch]\nglobal-batch-size = 16\n[policy]\n{policy}"));
    let mut sampler = Sampler::start(&run).expect("a good plugin");
    (0..5).map(|_| curricle::hex(&sampler.next_batch().expect("a good plugin").expect("a batch").digest.0)).collect()
}

/// Runs in a process of its own, whose memory is that of this suite alone.
#[test]
fn every_misdeed_is_one_error_within_its_bounds_and_the_process_goes_on() {
    const ALONE: &str = "CURRICLE_HOSTILE_ALONE";
    if env::var_os(ALONE).is_none() {
        let name = "hostile::every_misdeed_is_one_error_within_its_bounds_and_the_process_goes_on";
        let program = env::current_exe().expect("this test's own path");
        let mut alone = Command::new(program);
        // The names for a backtrace take more memory than a row may.
        alone.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(ALONE, "1").env("RUST_BACKTRACE", "0");
        assert!(alone.status().expect("this test, again").success(), "the suite failed, its messages are above");
        return;
    }
    let corpus = Corpus::new(200);
    // What is set up once counts for no row.
    let before = GOOD.map(|(policy, _)| good_digests(&corpus, policy));
    let mut wrong = Vec::new();
    for ((policy, digests), before) in GOOD.iter().zip(&before) {
        if before != digests {
            wrong.push(format!("before anything was done wrong, {policy:?}: {before:?}"));
        }
    }
    let mut messages = String::new();
    let rows = rows();
    for (i, row) in rows.iter().enumerate() {
        let mut problems = Vec::new();
        let folder = tempfile::tempdir().expect("a folder");
        let path = row.source.file(folder.path());
        let (config, limits) = (row.config(), row.limits());
        let memory = Memory::now();
        let bench = Bench::new(row.name, &corpus, &path, &config, &limits);
        match std::panic::catch_unwind(AssertUnwindSafe(|| bench.drive(row.drive))) {
            Err(_) => problems.push("the host panicked".to_owned()),
            Ok(None) => problems.push("nothing failed".to_owned()),
            Ok(Some(failure)) => {
                let grown = memory.grown();
                let allowed = limits.memory + row.memory;
                if grown > allowed {
                    problems.push(format!("memory grew by {} MiB, {} MiB are allowed", grown >> 20, allowed >> 20));
                }
                if failure.took > row.budget + SLACK {
                    problems.push(format!("it took {:?}, its budget is {:?}", failure.took, row.budget));
                }
                problems.extend(row.check(&failure.error));
                messages += &format!(
                    "{}\n  {}\n  {}\n\n",
                    row.name,
                    failure.error.code(),
                    row::steady(&failure.error, path.parent().unwrap_or(folder.path()))
                );
            }
        }
        let good = i % GOOD.len();
        if good_digests(&corpus, GOOD[good].0) != before[good] {
            problems.push("a good plugin's batches are no longer what they were".to_owned());
        }
        if !problems.is_empty() {
            wrong.push(format!("{}: {}", row.name, problems.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    insta::assert_snapshot!("messages", messages.trim_end());
}

#[test]
fn the_suite_is_as_large_as_it_claims_and_every_source_is_in_it() {
    let rows = rows();
    assert!(rows.len() >= 150, "{} rows", rows.len());
    let mut names: Vec<&str> = rows.iter().map(|row| row.name).collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        assert_ne!(pair[0], pair[1], "two rows of one name");
    }
    let used: Vec<&str> = rows.iter().filter_map(|row| if let guest::Source::Wat(name) = row.source { Some(name) } else { None }).collect();
    let tests = [include_str!("harmless.rs"), include_str!("damage.rs"), include_str!("escaping.rs"), include_str!("drive.rs")].concat();
    for file in std::fs::read_dir(guest::sources()).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "wat") {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            let known = used.contains(&name.as_str()) || tests.contains(&format!("\"{name}\""));
            assert!(known, "no test uses `{name}.wat`");
            assert!(std::fs::read_to_string(&file).unwrap().starts_with(";; "), "`{name}.wat` does not begin with what it does");
        }
    }
}

#[test]
fn every_code_of_a_fault_is_in_the_suite() {
    let rows = rows();
    for code in
        ["plugin-load", "plugin-link", "plugin-limit", "plugin-trap", "plugin-contract", "plugin-refused", "plugin-state", "internal"]
    {
        assert!(rows.iter().any(|row| row.code == code), "no row ends in `{code}`");
    }
}

/// The fault in an error.
fn fault(error: &Error) -> Option<&curricle::Fault> {
    if let Error::Plugin(fault) = error { Some(fault) } else { None }
}
