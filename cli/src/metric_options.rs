//! Options that say which columns are to be made, by which metrics, and where.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::ValueEnum;
use curricle::{
    Error,
    dataset::Dataset,
    plugin::{self, Limits, MetricPlugin},
};
use serde_json::Value;

use crate::dataset_options::DatasetOptions;

/// Dataset, metrics and their configurations. Those of `merge` have to be those of `analyze`.
#[derive(Debug, clap::Args)]
pub(crate) struct MetricOptions {
    /// Dataset to analyze.
    #[arg(value_name = "DATASET")]
    dataset: PathBuf,
    /// Metric: name of a built-in plugin or path of a `.wasm` file, after the name of the column if it is to be another. Can be repeated.
    #[arg(long = "metric", value_name = "[NAME=]PLUGIN", required = true)]
    metrics: Vec<String>,
    /// Configuration of a metric, a JSON object, after the name of its column. Can be repeated.
    #[arg(long = "config", value_name = "NAME=JSON")]
    configs: Vec<String>,
    /// Folder for the columns instead of the dataset's own; a run file then has to name them.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    options: DatasetOptions,
    /// What plugins may use: `interpreted` for those that bring an interpreter, such as Python or JavaScript.
    #[arg(long, value_enum, default_value_t = Preset::Compiled)]
    limits: Preset,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Preset {
    Compiled,
    Interpreted,
}

/// A column to be made.
pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) plugin: MetricPlugin,
    /// Where it is to be.
    pub(crate) target: PathBuf,
}

impl MetricOptions {
    /// The dataset and what is to be made of it. All plugins are loaded before the first works, so that a misspelt one is told at once.
    pub(crate) fn open(&self) -> Result<(Dataset, Vec<Job>)> {
        let dataset = self.options.open(&self.dataset)?;
        let folder = self.out.clone().unwrap_or_else(|| dataset.columns_dir());
        let jobs = self.jobs(&folder)?;
        Ok((dataset, jobs))
    }

    /// Finds, configures and loads the metrics.
    fn jobs(&self, folder: &Path) -> Result<Vec<Job>> {
        let mut configs = Vec::new();
        for text in &self.configs {
            let split = text.split_once('=').filter(|(name, _)| !name.is_empty());
            let (name, json) =
                split.ok_or_else(|| bad("--config", format!("`{text}` has no name"), "give `NAME=JSON`, NAME that of a column"))?;
            let config: Value = serde_json::from_str(json).map_err(|e| {
                bad("--config", format!("what follows `{name}=` is no JSON: {e}"), "give a JSON object, in quotes for the shell")
            })?;
            if !config.is_object() {
                return Err(
                    bad("--config", format!("what follows `{name}=` is no JSON object"), "give an object, such as {\"key\": 1}").into()
                );
            }
            if configs.iter().any(|(other, _)| *other == name) {
                return Err(bad("--config", format!("`{name}` is configured twice"), "give it one configuration").into());
            }
            configs.push((name, config));
        }
        let limits = match self.limits {
            Preset::Compiled => Limits::compiled(),
            Preset::Interpreted => Limits::interpreted(),
        };
        let mut jobs: Vec<Job> = Vec::new();
        let mut used = BTreeSet::new();
        for text in &self.metrics {
            let (name, wanted) = match text.split_once('=') {
                Some((name, wanted)) if !name.contains(['/', '\\']) => (Some(name), wanted),
                _ => (None, text.as_str()),
            };
            if let Some(name) = name.filter(|name| !is_column_name(name)) {
                return Err(bad(
                    "--metric",
                    format!("`{name}` cannot name a column"),
                    "give a name without slashes and a dot at the start",
                )
                .into());
            }
            let path = plugin::find(wanted)?;
            // A file without a name of its own is named by the plugin in it.
            let name = match name {
                Some(name) => name.to_owned(),
                None if path == Path::new(wanted) => plugin::inspect(&path)?.description.name,
                None => wanted.to_owned(),
            };
            let config = configs.iter().find(|(other, _)| *other == name).map_or(Value::Null, |(_, config)| config.clone());
            if jobs.iter().any(|job| job.name == name) {
                return Err(bad("--metric", format!("two columns are named `{name}`"), "name one of them otherwise: `NAME=PLUGIN`").into());
            }
            used.insert(name.clone());
            let plugin = MetricPlugin::load(wanted, &path, &config, &limits)?;
            let target = folder.join(format!("{name}.arrow"));
            jobs.push(Job { name, plugin, target });
        }
        if let Some((name, _)) = configs.iter().find(|(name, _)| !used.contains(*name)) {
            let names: Vec<String> = used.iter().map(|name| format!("`{name}`")).collect();
            return Err(bad(
                "--config",
                format!("`{name}` is none of the columns that are made"),
                format!("give one of {}", names.join(", ")),
            )
            .into());
        }
        Ok(jobs)
    }
}

pub(crate) fn is_column_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.ends_with(".totals") && !name.contains(['/', '\\'])
}

pub(crate) fn bad(option: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::Config { place: format!("`{option}`"), problem: problem.into(), remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_files_or_listings_would_mistake_are_no_column_names() {
        assert!(is_column_name("loss") && is_column_name("loss-v2.1"));
        assert!(!["", ".hidden", "a/b", "x.totals"].into_iter().any(is_column_name));
    }
}
