//! The fuzz targets, kept alive without a fuzzer: their seeds, inputs at which something went wrong once, and mutations of both.

use std::{fs, path::Path};

use curricle::dataset::{Dataset, Format, Options};
use curricle_tests::{
    fuzz::{TARGETS, Target},
    noise, soak,
};

/// Inputs that once found something, of one target.
fn once(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target.name);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Changes a few bytes: other values, a number at the edge of its type, a piece lost, doubled, or taken from elsewhere.
fn mutate(seed: &[u8], other: &[u8], round: u64) -> Vec<u8> {
    const EDGES: [u64; 8] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];
    let mut bytes = seed.to_vec();
    for i in 0..1 + noise(round) % 3 {
        let dice = noise(round << 8 | i);
        let at = (noise(dice) % (bytes.len() as u64 + 1)) as usize;
        let len = (dice >> 8) as usize % 9;
        let end = at.saturating_add(len).min(bytes.len());
        match dice % 6 {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let edge = EDGES[(dice >> 16) as usize % EDGES.len()].to_le_bytes();
                bytes.splice(at..end, edge[..end - at].iter().copied());
            }
            4 => {
                let from = at.min(other.len());
                bytes.splice(at..end, other[from..(from + len).min(other.len())].iter().copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (dice >> 24 & 7);
                }
            }
        }
    }
    bytes
}

fn run(name: &str, mutations: u64) {
    let target = curricle_tests::fuzz::target(name);
    let mut seeds = (target.seeds)();
    assert!(!seeds.is_empty());
    seeds.extend(once(&target));
    seeds.iter().for_each(|seed| (target.run)(seed));
    let each = if soak() { mutations * 20 } else { mutations };
    for round in 0..each {
        let seed = &seeds[round as usize % seeds.len()];
        let other = &seeds[noise(round) as usize % seeds.len()];
        (target.run)(&mutate(seed, other, round));
    }
}

macro_rules! targets {
    ($($name:ident: $mutations:expr;)*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name), $mutations);
            }
        )*

        #[test]
        fn every_target_is_among_these() {
            let names = [$(stringify!($name)),*];
            assert_eq!(names, TARGETS.map(|target| target.name));
        }
    };
}

targets! {
    idx_mmap: 600;
    idx_legacy: 600;
    npy: 600;
    arrow_dataset: 600;
    parquet: 600;
    arrow_column: 600;
    totals: 600;
    part: 200;
    finding: 200;
    outline: 200;
    state: 600;
    run_file: 600;
    deepspeed_files: 200;
    component: 30;
}

#[test]
fn every_target_has_a_file_that_runs_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    for target in TARGETS {
        let text = fs::read_to_string(folder.join(format!("{}.rs", target.name))).unwrap();
        assert!(text.contains(&format!("target(\"{}\")", target.name)));
    }
}

#[test]
fn what_fuzzing_found_ends_in_words() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    for (file, words) in [
        // Either made a decoder ask for more memory than there is, which ends a process.
        (
            "arrow_dataset/claims-more-than-there-is-memory",
            "buffer 2 has 26 bytes and claims to come to 5629568253719406; copy or write the file again",
        ),
        ("arrow_dataset/buffer-longer-than-its-batch", "lies outside of its record batch; copy or write the file again"),
    ] {
        let options = Options { format: Some(Format::Arrow), ..Options::default() };
        let error = Dataset::open_with(seeds.join(file), &options).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
