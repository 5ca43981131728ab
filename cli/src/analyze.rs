//! `curricle analyze`: from a metric plugin to a column.

use std::{cell::Cell, time::Instant};

use anyhow::Result;
use curricle::{
    analysis::{self, Outcome, Part, Progress, Report},
    dataset::Dataset,
};
use serde_json::json;

use crate::{
    metric_options::{Job, MetricOptions},
    summary, terminal,
};

/// Measures every sample of a dataset with metric plugins, and keeps the values as columns.
///
/// Each metric makes one column, `NAME.arrow`, in the folder for the dataset's columns, where run files find it by its name: that of the
/// plugin, or another that is given as `--metric NAME=PLUGIN`. A metric that gives samples no values makes `NAME.totals.arrow` alone. What is up
/// to date is left as it is; what is stale is replaced. The work is done in `NAME.arrow.partial`: after a kill or Ctrl-C the same command goes
/// on from there. The bytes of a column do not depend on the number of threads, nor on breaks, nor on parts.
///
/// Several machines share the work with `--part 1/4` to `--part 4/4`: each leaves what it found in `NAME.arrow.parts`, and `curricle merge` joins
/// that. A metric that asks for passes needs a round of the parts for each; `merge` says what comes next.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle analyze corpus --metric seqlen --metric vocab-rarity
  curricle analyze tokens.bin --token-type u16 --sequence-length 2048 --metric loss=./my-metric.wasm
  curricle analyze corpus --metric rare=vocab-rarity --config 'rare={\"max-vocab\": 50257}' --out elsewhere --threads 8
  curricle analyze corpus --metric seqlen --part 1/4")]
pub(crate) struct Args {
    #[command(flatten)]
    metrics: MetricOptions,
    /// Part of the dataset to analyze, counted from 1, and how many there are.
    #[arg(long, value_name = "I/N")]
    part: Option<Part>,
    /// Threads; by default as many as there are cores.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Makes columns again that are up to date, and replaces files of the same name that something else made.
    #[arg(long)]
    force: bool,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let (dataset, jobs) = args.metrics.open()?;
    let mut summaries = Vec::new();
    let mut is_part = false;
    for job in &jobs {
        let report = analyze(&args, &dataset, job)?;
        if !args.json {
            summary::print(&job.name, &report)?;
        }
        summaries.push(summary::json(&job.name, &report)?);
        is_part |= matches!(report.outcome, Outcome::Part(_));
    }
    if args.json {
        return terminal::print_json(&json!({ "columns": summaries }));
    }
    if let Some(part) = args.part.filter(|_| is_part) {
        terminal::say(format_args!("when all {} parts are there, join them with `curricle merge`", part.of()))?;
    }
    Ok(())
}

fn analyze(args: &Args, dataset: &Dataset, job: &Job) -> Result<Report> {
    let bar = terminal::progress(0, "samples", &job.name);
    let started = Instant::now();
    let is_first = Cell::new(true);
    let what = args.part.map_or(job.name.clone(), |part| format!("{}, part {part}", job.name));
    let progress = |progress: Progress| {
        let Progress { rounds_done, rounds, samples, n_samples, tokens } = progress;
        // A part does one round, whichever it is.
        let (before, all) = if args.part.is_some() { (0, 1) } else { (rounds_done, rounds) };
        bar.set_length(u64::from(all).saturating_mul(n_samples));
        bar.set_position(u64::from(before).saturating_mul(n_samples).saturating_add(samples));
        if is_first.replace(false) {
            // What an earlier run did is no measure of the speed of this one.
            bar.reset_eta();
        }
        let rate = summary::rate(tokens as f64 / started.elapsed().as_secs_f64().max(1e-3));
        bar.set_message(match rounds_done + 1 == rounds && samples == n_samples && args.part.is_none() {
            true => format!("{what}: sorting"),
            false => format!("{what}: round {} of {rounds}, {rate}", rounds_done + 1),
        });
    };
    let options = analysis::Options {
        threads: args.threads,
        part: args.part,
        force: args.force,
        progress: Some(&progress),
        interrupted: Some(&terminal::interrupted),
    };
    let report = analysis::analyze(dataset, &job.plugin, &job.target, &options);
    bar.finish_and_clear();
    Ok(report?)
}
