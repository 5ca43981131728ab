//! The files of DeepSpeed's analyzer.

use std::{fs, path::Path};

use curricle::{
    columns::{ColumnWriter, Values},
    deepspeed::{ExportOptions, ImportOptions, export, import, import_totals, is_about_the_whole},
};

use super::scratch;
use crate::{Corpus, noise};

/// Samples of the dataset.
const N: u64 = 30;

/// The files that are read, in the order of the first byte of a section.
const FILES: [&str; 8] = [
    "sample_to_metric.idx",
    "sample_to_metric.bin",
    "index_to_metric.idx",
    "index_to_metric.bin",
    "index_to_sample.idx",
    "index_to_sample.bin",
    "metric_value.idx",
    "metric_value.bin",
];

thread_local! {
    static CORPUS: Corpus = Corpus::new(N);
}

/// A folder of them: sections of a byte that says which file, two that say how many bytes, and these.
pub(super) fn files(mut data: &[u8]) {
    let folder = scratch::folder("fuzz");
    while let Some(([which, low, high], rest)) = data.split_first_chunk::<3>() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (content, rest) = rest.split_at(length);
        let name = FILES[usize::from(*which) % FILES.len()];
        fs::write(folder.join(format!("fuzz_{name}")), content).expect("a file");
        data = rest;
    }
    let options = ImportOptions { replace: true, ..ImportOptions::default() };
    let dataset = CORPUS.with(Corpus::dataset);
    let _ = is_about_the_whole(&folder, None);
    if let Ok(column) = import(&folder, &dataset, &scratch::path("imported.arrow"), &options) {
        assert_eq!(column.len(), N);
        column.verify().expect("an imported column is whole");
    }
    let _ = import_totals(&folder, &dataset, &scratch::path("imported.totals.arrow"), &options);
}

fn section(folder: &Path, which: usize) -> Vec<u8> {
    let Ok(bytes) = fs::read(folder.join(format!("seed_{}", FILES[which]))) else { return Vec::new() };
    [&[which as u8], &(bytes.len() as u16).to_le_bytes()[..], &bytes].concat()
}

/// What is exported of columns of each type, whole and in parts.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let folder = scratch::folder("seeds");
    let provenance = CORPUS.with(Corpus::provenance);
    let mut seeds = Vec::new();
    for (i, values) in [
        Values::U32((0..N).map(|i| (noise(i) % 7) as u32).collect()),
        Values::U64((0..N).map(|i| noise(i) >> 4).collect()),
        Values::F64((0..N).map(|i| (noise(i) % 9) as f64 - 4.0).collect()),
    ]
    .into_iter()
    .enumerate()
    {
        let mut writer = ColumnWriter::create(folder.join("seed.arrow"), values.value_type(), provenance.clone()).expect("a column");
        writer.push(&values).expect("values");
        writer.set_totals(vec![3.0, -4.0, 5.0]).expect("totals");
        let out = folder.join(format!("out-{i}"));
        export(&writer.finish().expect("a column"), &out, &ExportOptions::default()).expect("an export");
        let all = |which: &[usize]| which.iter().flat_map(|which| section(&out.join("seed"), *which)).collect::<Vec<_>>();
        seeds.extend([all(&[0, 1]), all(&[2, 3, 4, 5]), all(&[6, 7]), all(&[0, 1, 2, 3, 4, 5, 6, 7])]);
    }
    seeds
}
