//! Data to measure on: the same on every machine, and with the columns that a configuration asks for.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Result;
use curricle::{
    PacingConfig,
    columns::{ColumnWriter, Provenance, ValueType, Values, write_categories},
    dataset::{Dataset, IndexedWriter, Magic, TokenType},
};
use serde_json::Value;

use super::Pacings;

/// Samples of the dataset that policies are measured on.
pub(super) const SAMPLES: u64 = 100_000;

/// A pacing function of which nothing but the name is known: of percentages, and of lengths.
const RISING: PacingConfig = PacingConfig::Linear { min: 20.0, max: 100.0, steps: 1000, quantum: None, falling: false, first_step: 0 };

/// A number that depends on `i` alone and looks random: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
pub(super) fn noise(i: u64) -> u64 {
    let mut z = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Tokens of sample `i`.
pub(super) fn length(i: u64) -> u32 {
    (16 + noise(i) % 497) as u32
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Column {
    /// Lengths of the samples.
    Lengths,
    /// Numbers from 0 to 1.
    Numbers,
    /// Codes into these names.
    Categories(Vec<String>),
}

impl Column {
    /// Its values for a dataset of so many samples.
    pub(super) fn values(&self, samples: u64) -> impl Iterator<Item = f64> + '_ {
        (0..samples).map(move |i| match self {
            Column::Lengths => f64::from(length(i)),
            Column::Numbers => (noise(i ^ (1 << 40)) >> 11) as f64 / (1u64 << 53) as f64,
            Column::Categories(names) => (noise(i ^ (1 << 41)) % names.len().max(1) as u64) as f64,
        })
    }
}

/// Columns that are always there, and those that a configuration names: every text under a key that ends in `column`. Beside an object, such as
/// weights, it is one of categories, which are the object's keys.
pub(super) fn columns(config: &Value) -> BTreeMap<String, Column> {
    let mut columns = BTreeMap::from([
        ("difficulty".to_owned(), Column::Numbers),
        ("seqlen".to_owned(), Column::Lengths),
        ("domain".to_owned(), Column::Categories(["web", "code", "books", "papers"].map(str::to_owned).to_vec())),
    ]);
    named(config, &mut columns);
    columns
}

/// Adds the pacing functions that a configuration names, in texts under keys that end in `pacing`, and that nobody has defined.
pub(super) fn pacings(config: &Value, pacings: &mut Pacings) {
    match config {
        Value::Object(keys) => {
            for (key, value) in keys {
                match value.as_str().filter(|_| key.ends_with("pacing")) {
                    Some(name) => drop(pacings.entry(name.to_owned()).or_insert(RISING)),
                    None => self::pacings(value, pacings),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| self::pacings(value, pacings)),
        _ => {}
    }
}

fn named(config: &Value, columns: &mut BTreeMap<String, Column>) {
    match config {
        Value::Object(keys) => {
            let beside = keys.values().find_map(Value::as_object).filter(|object| !object.is_empty());
            for (key, value) in keys {
                match value.as_str().filter(|_| key.ends_with("column")) {
                    Some(name) => {
                        let written = beside.map(|object| Column::Categories(object.keys().cloned().collect()));
                        if let Some(column) = written.or_else(|| (!columns.contains_key(name)).then_some(Column::Numbers)) {
                            columns.insert(name.to_owned(), column);
                        }
                    }
                    None => named(value, columns),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| named(value, columns)),
        _ => {}
    }
}

/// Writes the dataset `data` and its columns into a folder, and says which file each column is. Tokens are bytes: a policy never sees one.
pub(super) fn write(folder: &Path, columns: &BTreeMap<String, Column>) -> Result<BTreeMap<String, PathBuf>> {
    let mut writer = IndexedWriter::create(folder.join("data"), TokenType::U8, Magic::MMap)?;
    let tokens = [0; 1024];
    for i in 0..SAMPLES {
        writer.push(tokens.get(..length(i) as usize).unwrap_or_default())?;
        writer.end_document()?;
    }
    writer.finish()?;
    let dataset = Dataset::open(folder.join("data"))?;
    let provenance = || Provenance::of(dataset.fingerprint().to_string(), dataset.len());
    let mut files = BTreeMap::new();
    for (i, (name, column)) in columns.iter().enumerate() {
        // Numbered: a configuration may name a column by what is no name of a file, or that of one elsewhere.
        let path = folder.join(format!("column-{i}.arrow"));
        files.insert(name.clone(), path.clone());
        match column {
            Column::Categories(names) => {
                let codes: Vec<u32> = column.values(SAMPLES).map(|code| code as u32).collect();
                write_categories(path, names, codes, provenance())?;
            }
            Column::Numbers | Column::Lengths => {
                let mut writer = ColumnWriter::create(path, ValueType::F64, provenance())?;
                writer.push(&Values::F64(column.values(SAMPLES).collect()))?;
                writer.finish()?;
            }
        }
    }
    Ok(files)
}

/// Documents end to end for a metric: tokens of some bytes each, and where each document begins.
pub(super) struct Chunk {
    pub(super) width: u8,
    pub(super) tokens: Vec<u8>,
    pub(super) offsets: Vec<u32>,
}

impl Chunk {
    /// About `n` tokens below 256, 50 000 or 200 000, as many as the width has room for, small ones more often.
    pub(super) fn new(width: u8, n: u32) -> Chunk {
        let vocabulary: u64 = match width {
            1 => 256,
            2 => 50_000,
            _ => 200_000,
        };
        let (mut tokens, mut offsets) = (Vec::with_capacity(n as usize * usize::from(width)), vec![0]);
        let mut end = 0;
        while end < n {
            end += length(offsets.len() as u64);
            offsets.push(end);
        }
        for t in 0..u64::from(end) {
            let r = noise(t ^ (1 << 60));
            // The product of two uniform numbers leans towards small ids, as Zipf's law does.
            let token = ((((r >> 32) * (r & 0xffff_ffff)) >> 32) * vocabulary) >> 32;
            tokens.extend_from_slice(token.to_le_bytes().get(..usize::from(width)).unwrap_or_default());
        }
        Chunk { width, tokens, offsets }
    }

    /// Number of tokens.
    pub(super) fn n_tokens(&self) -> u32 {
        self.offsets.last().copied().unwrap_or(0)
    }
}

/// Lengths for a packer: many short and few long ones, at least 1 and at most `capacity`.
pub(super) fn packed_lengths(n: u64, capacity: u32) -> Vec<u32> {
    (0..n).map(|i| (length(i) * length(i ^ 77) / 128).clamp(1, capacity)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_gets_the_columns_that_it_names() {
        let found = columns(
            &json!({ "metrics": [{ "column": "loss" }, { "column": "seqlen" }], "mix": { "column": "site", "weights": { "a": 1, "b": 2 } } }),
        );
        assert_eq!(found["loss"], Column::Numbers);
        assert_eq!(found["seqlen"], Column::Lengths);
        assert_eq!(found["site"], Column::Categories(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn a_configuration_gets_the_pacing_functions_that_it_names_and_nobody_defined() {
        let level = PacingConfig::Discrete { difficulty: vec![1.0], until: vec![], hold_at: None, first_step: 0 };
        let mut found = Pacings::from([("known".to_owned(), level)]);
        pacings(&json!({ "metrics": [{ "column": "loss", "pacing": "grow" }, { "pacing": "known" }], "pacing": 3 }), &mut found);
        assert!(matches!(found["grow"], PacingConfig::Linear { .. }) && matches!(found["known"], PacingConfig::Discrete { .. }));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn no_column_is_written_outside_of_the_folder_whatever_it_is_called() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("inside");
        std::fs::create_dir(&folder).unwrap();
        let stranger = outside.path().join("mine");
        let files =
            write(&folder, &columns(&json!({ "column": stranger, "more": [{ "column": "../mine" }, { "column": "a/b" }] }))).unwrap();
        assert_eq!(files.len(), 6);
        assert!(files.values().all(|path| path.parent() == Some(&folder) && path.is_file()));
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn chunks_hold_whole_tokens_of_their_width() {
        for width in [1, 2, 4] {
            let chunk = Chunk::new(width, 10_000);
            assert_eq!(chunk.tokens.len(), chunk.n_tokens() as usize * usize::from(width));
            assert!(chunk.n_tokens() >= 10_000 && chunk.offsets.is_sorted());
        }
        assert!(packed_lengths(1000, 2048).iter().all(|n| (1..=2048).contains(n)));
    }
}
