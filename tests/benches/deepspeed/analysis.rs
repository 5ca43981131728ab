//! Whole analyses, one thread each.

use std::fs;

use anyhow::{Context, Result, ensure};
use curricle::{
    analysis::{Options, analyze},
    columns::Column,
    dataset::Dataset,
    plugin::{self, Limits, MetricPlugin},
};
use curricle_tests::bench::{Row, data, timing::median};

use super::{driver, ratio};

pub(crate) fn against_analyzer() -> Result<Vec<Row>> {
    let documents = data::documents(1_000_000, 64, 136)?;
    let dataset = Dataset::open(&documents)?;
    let folder = data::folder()?.join("analyze-deepspeed");
    fs::create_dir_all(&folder)?;
    let mut rows = Vec::new();
    for metric in ["seqlen", "vocab-rarity"] {
        let found = driver::run("analyze", &[&documents.to_string_lossy(), metric, &dataset.len().to_string()])?;
        let plugin = MetricPlugin::load(metric, &plugin::find(metric)?, &serde_json::json!({}), &Limits::default())?;
        let target = folder.join(format!("{metric}.arrow"));
        let options = Options { threads: 1, force: true, ..Options::default() };
        let mut failed = None;
        let time = median(5, || failed = analyze(&dataset, &plugin, &target, &options).err().or(failed.take()));
        failed.map_or(Ok(()), Err)?;
        same(&Column::open(&target)?, found["sum"].as_u64().context("a sum")?)?;
        let words = format!("analysis of 10⁶ documents of 100 tokens on average, `{metric}`, one thread");
        rows.push(ratio(words, time, driver::seconds(&found)?, "≥ 20 ×", 20.0));
    }
    Ok(rows)
}

/// That both found the same values: cut to whole numbers, as DeepSpeed's are, they add up to the same. Logarithms of two libraries differ in their
/// last bits, which may move a sum over a whole number once in a very long while.
fn same(column: &Column, sum: u64) -> Result<()> {
    let ids: Vec<u64> = (0..column.len()).collect();
    let mut values = Vec::new();
    column.values(&ids, &mut values)?;
    let ours: u64 = values.iter().map(|&value| value as u64).sum();
    ensure!(ours.abs_diff(sum) <= 2, "the values add up to {ours} here and to {sum} there: this compares two different works");
    Ok(())
}
