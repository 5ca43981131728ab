//! Metric plugins: against the same Rust code compiled natively, and over threads.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use curricle::{
    analysis::{Options, analyze as analyze_column},
    dataset::Dataset,
    plugin::{self, Limits, MetricPlugin, Samples},
};
use curricle_guest as guest;

use super::{
    Row, data,
    timing::{medians, pretty},
};

fn load(metric: &str) -> Result<MetricPlugin> {
    Ok(MetricPlugin::load(metric, &plugin::find(metric)?, &serde_json::json!({}), &Limits::default())?)
}

/// Analyzes into a folder that is emptied first.
pub(crate) fn analyze(dataset: &Dataset, metric: &str, threads: usize) -> Result<()> {
    let folder = data::folder()?.join(format!("analyze-{threads}"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let target = folder.join(format!("{metric}.arrow"));
    analyze_column(dataset, &load(metric)?, &target, &Options { threads, ..Options::default() })?;
    Ok(())
}
