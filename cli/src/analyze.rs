//! `curricle analyze`: from a metric plugin to a column.

use std::{
    cell::Cell,
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Result;
use clap::ValueEnum;
use curricle::{
    Error,
    analysis::{self, Progress, Report},
    columns::Column,
    dataset::Dataset,
    plugin::{self, Limits, MetricPlugin},
};
use serde_json::{Value, json};

use crate::{dataset_options::DatasetOptions, terminal};

/// Measures every sample of a dataset with metric plugins, and keeps the values as columns.
///
/// Each metric makes one column, `NAME.arrow`, in the folder for the dataset's columns, where run files find it by its name: that of the
/// plugin, or another that is given as `--metric NAME=PLUGIN`. A column that is up to date is left as it is; a stale one is replaced. The
/// work is done in `NAME.arrow.partial`: after a kill or Ctrl-C the same command goes on from there. The bytes of a column do not depend on
/// the number of threads, nor on breaks.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle analyze corpus --metric seqlen --metric vocab-rarity
  curricle analyze tokens.bin --token-type u16 --sequence-length 2048 --metric loss=./my-metric.wasm
  curricle analyze corpus --metric rare=vocab-rarity --config 'rare={\"max-vocab\": 50257}' --out elsewhere --threads 8")]
pub(crate) struct Args {
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
    /// Threads; by default as many as there are cores.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// What plugins may use: `interpreted` for those that bring an interpreter, such as Python or JavaScript.
    #[arg(long, value_enum, default_value_t = Preset::Compiled)]
    limits: Preset,
    /// Makes columns again that are up to date, and replaces files of the same name that something else made.
    #[arg(long)]
    force: bool,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Preset {
    Compiled,
    Interpreted,
}

/// A column to be made.
struct Job {
    name: String,
    plugin: MetricPlugin,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let dataset = args.options.open(&args.dataset)?;
    let folder = args.out.clone().unwrap_or_else(|| dataset.columns_dir());
    // All plugins are loaded before the first works, so that a misspelt one is told at once.
    let jobs = jobs(&args)?;
    let mut summaries = Vec::new();
    for job in &jobs {
        let report = analyze(&args, &dataset, job, &folder.join(format!("{}.arrow", job.name)))?;
        let summary = Summary::of(&report)?;
        if !args.json {
            summary.print(&report)?;
        }
        summaries.push(summary.json(&report));
    }
    if args.json {
        terminal::print_json(&json!({ "columns": summaries }))?;
    }
    Ok(())
}

fn analyze(args: &Args, dataset: &Dataset, job: &Job, target: &Path) -> Result<Report> {
    let bar = terminal::progress(0, "samples", &job.name);
    let started = Instant::now();
    let is_first = Cell::new(true);
    let progress = |progress: Progress| {
        let Progress { rounds_done, rounds, samples, n_samples, tokens } = progress;
        bar.set_length(u64::from(rounds).saturating_mul(n_samples));
        bar.set_position(u64::from(rounds_done).saturating_mul(n_samples).saturating_add(samples));
        if is_first.replace(false) {
            // What an earlier run did is no measure of the speed of this one.
            bar.reset_eta();
        }
        let rate = rate(tokens as f64 / started.elapsed().as_secs_f64().max(1e-3));
        bar.set_message(match rounds_done + 1 == rounds && samples == n_samples {
            true => format!("{}: sorting", job.name),
            false => format!("{}: round {} of {rounds}, {rate}", job.name, rounds_done + 1),
        });
    };
    let options = analysis::Options {
        threads: args.threads,
        force: args.force,
        progress: Some(&progress),
        interrupted: Some(&terminal::interrupted),
    };
    let report = analysis::analyze(dataset, &job.plugin, target, &options);
    bar.finish_and_clear();
    Ok(report?)
}

/// Finds, configures and loads the metrics.
fn jobs(args: &Args) -> Result<Vec<Job>> {
    let mut configs = Vec::new();
    for text in &args.configs {
        let split = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, json) =
            split.ok_or_else(|| bad("--config", format!("`{text}` has no name"), "give `NAME=JSON`, NAME that of a column"))?;
        let config: Value = serde_json::from_str(json).map_err(|e| {
            bad("--config", format!("what follows `{name}=` is no JSON: {e}"), "give a JSON object, in quotes for the shell")
        })?;
        if !config.is_object() {
            return Err(bad("--config", format!("what follows `{name}=` is no JSON object"), "give an object, such as {\"key\": 1}").into());
        }
        if configs.iter().any(|(other, _)| *other == name) {
            return Err(bad("--config", format!("`{name}` is configured twice"), "give it one configuration").into());
        }
        configs.push((name, config));
    }
    let limits = match args.limits {
        Preset::Compiled => Limits::compiled(),
        Preset::Interpreted => Limits::interpreted(),
    };
    let mut jobs: Vec<Job> = Vec::new();
    let mut used = BTreeSet::new();
    for text in &args.metrics {
        let (name, wanted) = match text.split_once('=') {
            Some((name, wanted)) if !name.contains(['/', '\\']) => (Some(name), wanted),
            _ => (None, text.as_str()),
        };
        if let Some(name) = name.filter(|name| !is_column_name(name)) {
            return Err(
                bad("--metric", format!("`{name}` cannot name a column"), "give a name without slashes and a dot at the start").into()
            );
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
        jobs.push(Job { name, plugin });
    }
    if let Some((name, _)) = configs.iter().find(|(name, _)| !used.contains(*name)) {
        let names: Vec<String> = used.iter().map(|name| format!("`{name}`")).collect();
        return Err(
            bad("--config", format!("`{name}` is none of the columns that are made"), format!("give one of {}", names.join(", "))).into()
        );
    }
    Ok(jobs)
}

fn is_column_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.ends_with(".totals") && !name.contains(['/', '\\'])
}

fn bad(option: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::Config { place: format!("`{option}`"), problem: problem.into(), remedy: remedy.into() }
}

/// What a column holds, in a few numbers.
struct Summary {
    min: f64,
    median: f64,
    max: f64,
    rate: f64,
    seconds: f64,
}

impl Summary {
    fn of(report: &Report) -> Result<Summary> {
        let column: &Column = &report.column;
        let seconds = report.elapsed.as_secs_f64();
        let rate = report.tokens as f64 / seconds.max(1e-9);
        Ok(Summary { min: column.min(), median: column.quantile(0.5)?, max: column.max(), rate, seconds })
    }

    fn print(&self, report: &Report) -> Result<()> {
        let Summary { min, median, max, .. } = self;
        let column = &report.column;
        terminal::say(format_args!("{}: {}", column.name(), column.path().display()))?;
        terminal::say(format_args!("  {} samples, from {min} over a median of {median} to {max}", column.len()))?;
        let threads = match report.threads {
            1 => "1 thread".to_owned(),
            n => format!("{n} threads"),
        };
        match report.made {
            false => terminal::say(format_args!("  up to date"))?,
            true => {
                let continued = if report.continued { ", going on from an earlier run" } else { "" };
                terminal::say(format_args!("  {:.1} s with {threads}, {}{continued}", self.seconds, rate(self.rate)))?;
            }
        }
        Ok(())
    }

    fn json(&self, report: &Report) -> Value {
        json!({
            "name": report.column.name(),
            "path": report.column.path().display().to_string(),
            "made": report.made,
            "continued": report.continued,
            "samples": report.column.len(),
            "value_type": report.column.value_type().to_string(),
            "min": self.min,
            "median": self.median,
            "max": self.max,
            "threads": report.threads,
            "tokens": report.tokens,
            "seconds": self.seconds,
            "tokens_per_second": self.rate,
        })
    }
}

fn rate(tokens_per_second: f64) -> String {
    match tokens_per_second {
        n if n >= 1e9 => format!("{:.1} G tokens/s", n / 1e9),
        n if n >= 1e6 => format!("{:.1} M tokens/s", n / 1e6),
        n => format!("{:.1} k tokens/s", n / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_files_or_listings_would_mistake_are_no_column_names() {
        assert!(is_column_name("loss") && is_column_name("loss-v2.1"));
        assert!(!["", ".hidden", "a/b", "x.totals"].into_iter().any(is_column_name));
    }

    #[test]
    fn rates_are_shown_in_a_unit_that_fits() {
        assert_eq!([2.5e9, 3e6, 120.0].map(rate), ["2.5 G tokens/s", "3.0 M tokens/s", "0.1 k tokens/s"]);
    }
}
