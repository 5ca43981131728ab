use std::{fs, io::Write};

use curricle::dataset::Dataset;
use curricle_tests::noise;

use super::harness::{Tree, Work, equal, file};

fn text(i: u64, words: u64) -> String {
    (0..words).map(|w| ["one ", "two ", "drei ", "quatre ", "пять ", "六 ", "\n"][(noise(i << 20 | w) % 7) as usize]).collect()
}

/// A dataset that stands there is whole: the one that there will be in the end.
fn whole_or_none(found: &Tree, whole: &Tree) {
    let published: Vec<_> = found.iter().filter(|(name, _)| name.starts_with("out")).collect();
    if !published.is_empty() {
        assert_eq!(published.len(), whole.len());
        whole.iter().for_each(|(name, bytes)| assert!(file(found, &name.display().to_string()) == Some(bytes), "{}", name.display()));
    }
}

/// The dataset in the end is one that can be read.
fn reads(work: &Work) {
    Dataset::open(work.made("out")).unwrap().verify(&|_| ()).unwrap();
}

#[test]
fn an_import_of_texts_goes_on() {
    let work = Work::new(|folder| {
        for i in 0..400 {
            let path = folder.join(format!("texts/{}/{i:03}.txt", ["a", "b", "c"][i % 3]));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text(i as u64, 4_000)).unwrap();
        }
    })
    .then("import @/texts --out @/made/out --save-every 40kB");
    work.survives(whole_or_none, equal);
    reads(&work);
}

#[test]
fn an_import_of_compressed_lines_goes_on() {
    let work = Work::new(|folder| {
        fs::create_dir(folder.join("lines")).unwrap();
        for part in 0..3 {
            let file = fs::File::create(folder.join(format!("lines/{part}.jsonl.gz"))).unwrap();
            let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            for i in 0..6_000 {
                let line = serde_json::json!({ "text": text(part << 20 | i, noise(i) % 120), "kind": noise(i) % 3 });
                writeln!(gz, "{line}").unwrap();
            }
            gz.finish().unwrap();
        }
    })
    .then("import @/lines --out @/made/out --domain field:kind --save-every 100kB");
    work.survives(whole_or_none, equal);
    reads(&work);
}

/// Documents that a journal counts.
fn counted(journal: &[u8]) -> u64 {
    serde_json::from_slice::<serde_json::Value>(journal).unwrap()["documents"].as_u64().unwrap()
}

#[test]
fn a_dataset_that_is_replaced_is_the_old_or_the_new_one() {
    let work = Work::new(|folder| {
        for (name, n) in [("old", 100), ("new", 200)] {
            fs::create_dir(folder.join(name)).unwrap();
            (0..n).for_each(|i| fs::write(folder.join(name).join(format!("{i:03}")), text(i, 3_000)).unwrap());
        }
    })
    .then("import @/old --out @/made/out --domain none")
    .then("import @/new --out @/made/out --domain none --force --save-every 40kB");
    let check = |found: &Tree, whole: &Tree| {
        let documents = |tree: &Tree| {
            let manifest = file(tree, "out/dataset.json")?;
            serde_json::from_slice::<serde_json::Value>(manifest).unwrap()["documents"].as_u64()
        };
        match documents(found) {
            Some(100) => Dataset::open(work.made("out")).unwrap().verify(&|_| ()).unwrap(),
            Some(_) => whole_or_none(found, whole),
            // Before there is the old one; where folders cannot change places, for a moment between the two as well.
            None => {
                assert!(!work.made("out").exists());
                let counted = file(found, "out.partial/journal.json").map_or(0, counted);
                assert!(counted <= 100 || !cfg!(target_os = "linux"), "the old dataset has gone before the new one came");
            }
        }
    };
    work.survives(check, equal);
}
