use std::{fs, path::Path};

use curricle::columns::{Column, Totals};
use curricle_tests::noise;

use super::harness::{Tree, Work, equal, file};

const DATASET: &str = "@/tokens.bin --token-type u16 --sequence-length 1024 --stride 64 --metric vocab-rarity --out @/made/columns";

fn tokens(folder: &Path) {
    let tokens: Vec<u8> = (0..1u64 << 22).flat_map(|i| ((noise(i) % 50_000) as u16).to_le_bytes()).collect();
    fs::write(folder.join("tokens.bin"), tokens).unwrap();
}

/// A column or file of totals that stands there is the one that there will be in the end.
fn whole_or_none(found: &Tree, whole: &Tree) {
    for (name, bytes) in whole {
        if let Some(found) = file(found, &name.display().to_string()) {
            assert!(found == bytes, "`{}` is another one", name.display());
        }
    }
}

fn reads(work: &Work) {
    Column::open(work.made("columns/vocab-rarity.arrow")).unwrap().verify().unwrap();
    Totals::open(work.made("columns/vocab-rarity.totals.arrow")).unwrap();
}

#[test]
fn an_analysis_in_two_passes_goes_on() {
    let work = Work::new(tokens).then(&format!("analyze {DATASET}"));
    work.survives(whole_or_none, equal);
    reads(&work);
}

#[test]
fn an_analysis_in_parts_goes_on() {
    let mut work = Work::new(tokens);
    for _ in 0..2 {
        for part in ["1/2", "2/2"] {
            work = work.then(&format!("analyze {DATASET} --part {part}"));
        }
        work = work.then(&format!("merge {DATASET}"));
    }
    work.survives(whole_or_none, equal);
    reads(&work);
}
