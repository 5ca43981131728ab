//! Columns of synthetic samples.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use curricle::{
    Result,
    columns::{Column, ColumnWriter, Columns, Provenance, ValueType, Values, write_categories},
    streams::Permutation,
};

use super::spec::{ColumnSpec, Lengths};

/// Values that are made at a time.
const CHUNK: u64 = 1 << 16;
/// Decides the scrambled order in which numbers and categories go over the samples.
const KEY: u64 = 0x6375_7272_6963_6c65;

/// Columns in a folder, each made once however many names it goes by.
#[derive(Debug)]
pub(crate) struct ColumnFiles<'a> {
    pub(crate) folder: &'a Path,
    /// Fingerprint of the dataset that they belong to.
    pub(crate) fingerprint: String,
    pub(crate) samples: u64,
    pub(crate) lengths: Lengths,
}

/// Columns that were made, by name.
pub(crate) type Made = BTreeMap<String, PathBuf>;

impl ColumnFiles<'_> {
    /// Makes all of these. Ends early where `breathe` says so.
    pub(crate) fn make(&self, specs: &BTreeMap<String, ColumnSpec>, breathe: &dyn Fn() -> Result<()>) -> Result<Made> {
        let mut files: Vec<(&ColumnSpec, PathBuf)> = Vec::new();
        let mut made = Made::new();
        for (name, spec) in specs {
            let path = match files.iter().find(|(known, _)| *known == spec) {
                Some((_, path)) => path.clone(),
                None => {
                    let path = self.folder.join(format!("synthetic-{}.arrow", files.len()));
                    self.write(spec, &path, breathe)?;
                    files.push((spec, path.clone()));
                    path
                }
            };
            made.insert(name.clone(), path);
        }
        Ok(made)
    }

    fn write(&self, spec: &ColumnSpec, path: &Path, breathe: &dyn Fn() -> Result<()>) -> Result<()> {
        let n = self.samples;
        breathe()?;
        let provenance = Provenance::of(self.fingerprint.clone(), n);
        match spec {
            ColumnSpec::Lengths => {
                let mut writer = ColumnWriter::create(path, ValueType::U32, provenance)?;
                for chunk in chunks(n) {
                    breathe()?;
                    writer.push(&Values::U32(chunk.map(|i| self.lengths.of(i)).collect()))?;
                }
                writer.finish()?;
            }
            ColumnSpec::Values(values) => {
                let mut writer = ColumnWriter::create(path, ValueType::F64, provenance)?;
                let mut again = values.iter().copied().cycle();
                for chunk in chunks(n) {
                    breathe()?;
                    let len = usize::try_from(chunk.end - chunk.start).unwrap_or(usize::MAX);
                    writer.push(&Values::F64(again.by_ref().take(len).collect()))?;
                }
                writer.finish()?;
            }
            ColumnSpec::Spread { from, to } => {
                let order = Permutation::new(n, KEY);
                let mut writer = ColumnWriter::create(path, ValueType::F64, provenance)?;
                let last = n.saturating_sub(1).max(1) as f64;
                let mut places = Vec::new();
                for chunk in chunks(n) {
                    breathe()?;
                    places.resize(usize::try_from(chunk.end - chunk.start).unwrap_or_default(), 0);
                    order.fill(chunk.start, &mut places);
                    writer.push(&Values::F64(places.iter().map(|place| from + (to - from) * *place as f64 / last).collect()))?;
                }
                writer.finish()?;
            }
            ColumnSpec::Categories(weights) => {
                let order = Permutation::new(n, KEY);
                let ends = category_ends(weights, n);
                let names: Vec<String> = weights.iter().map(|(name, _)| name.clone()).collect();
                let code = |i: u64| ends.partition_point(|end| *end <= order.get(i)) as u32;
                write_categories(path, &names, (0..n).map(code), provenance)?;
            }
        }
        Ok(())
    }
}

/// Opens columns for a policy.
pub(crate) fn open(made: &Made, samples: u64) -> Result<Columns> {
    let mut columns = Columns::new(samples);
    for (name, path) in made {
        columns.insert(name.clone(), Column::open(path)?)?;
    }
    Ok(columns)
}

/// Where each category ends among `n` samples, in proportion to the weights; the whole is given out to the sample.
fn category_ends(weights: &[(String, u64)], n: u64) -> Vec<u64> {
    let total: u128 = weights.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let mut sum = 0u128;
    let end = |(_, weight): &(String, u64)| {
        sum += u128::from(*weight);
        u64::try_from(u128::from(n) * sum / total.max(1)).unwrap_or(n)
    };
    weights.iter().map(end).collect()
}

fn chunks(n: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    (0..n.div_ceil(CHUNK)).map(move |i| i * CHUNK..((i + 1) * CHUNK).min(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_evenly_and_categories_are_as_many_as_the_scenario_says() {
        let folder = tempfile::tempdir().unwrap();
        let files = ColumnFiles { folder: folder.path(), fingerprint: "0".repeat(32), samples: 1000, lengths: Lengths { from: 3, to: 5 } };
        let specs = BTreeMap::from([
            ("a".to_owned(), ColumnSpec::Spread { from: 0.0, to: 999.0 }),
            ("also".to_owned(), ColumnSpec::Spread { from: 0.0, to: 999.0 }),
            ("domain".to_owned(), ColumnSpec::Categories(vec![("code".into(), 300), ("none".into(), 0), ("web".into(), 700)])),
            ("seqlen".to_owned(), ColumnSpec::Lengths),
            ("v".to_owned(), ColumnSpec::Values(vec![2.0, 4.0])),
        ]);
        let made = files.make(&specs, &|| Ok(())).unwrap();
        assert_eq!(made["a"], made["also"]);
        let columns = open(&made, 1000).unwrap();
        let mut values: Vec<f64> = (0..1000).map(|i| columns.get("a").unwrap().value(i).unwrap()).collect();
        assert_ne!(values[..3], [0.0, 1.0, 2.0]);
        values.sort_by(f64::total_cmp);
        assert!(values.iter().zip(0..).all(|(value, place)| *value == f64::from(place)));
        let counts: Vec<_> = columns.get("domain").unwrap().categories().unwrap().to_vec();
        assert_eq!(counts, [("code".to_owned(), 300), ("none".to_owned(), 0), ("web".to_owned(), 700)]);
        let lengths = columns.get("seqlen").unwrap();
        assert_eq!((lengths.min(), lengths.max()), (3.0, 5.0));
        assert_eq!(columns.get("v").unwrap().value(3), Some(4.0));
    }
}
