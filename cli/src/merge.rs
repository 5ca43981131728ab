//! `curricle merge`: from the parts of an analysis to a column.

use anyhow::Result;
use curricle::analysis::{self, Progress};
use serde_json::json;

use crate::{metric_options::MetricOptions, summary, terminal};

/// Joins what `curricle analyze --part` made of the parts of a dataset, on one machine or several.
///
/// Dataset, metrics, configurations and folder are those of `analyze`. The parts are expected in `NAME.arrow.parts` in the folder of the
/// columns: copy there what other machines made. If the metric asks for passes, the result of each is left there too, as `pass-P.merged`, for the
/// parts to do the next round with: copy it back to the machines. In the end the column or the totals stand where one machine would have put
/// them, byte for byte the same, and `NAME.arrow.parts` goes.
///
/// A part that is missing, there twice, or of another dataset, plugin, configuration or division is told before anything is made. Merging
/// again is harmless.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle merge corpus --metric seqlen
  curricle merge corpus --metric rare=vocab-rarity --config 'rare={\"max-vocab\": 50257}' --out elsewhere")]
pub(crate) struct Args {
    #[command(flatten)]
    metrics: MetricOptions,
    /// Replaces columns that are up to date, and files of the same name that something else made.
    #[arg(long)]
    force: bool,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let (dataset, jobs) = args.metrics.open()?;
    let mut summaries = Vec::new();
    for job in &jobs {
        let bar = terminal::progress(dataset.len(), "samples", &format!("{}: merging", job.name));
        let progress = |progress: Progress| bar.set_position(progress.samples);
        let options = analysis::Options {
            force: args.force,
            progress: Some(&progress),
            interrupted: Some(&terminal::interrupted),
            ..analysis::Options::default()
        };
        let report = analysis::merge(&dataset, &job.plugin, &job.target, &options);
        bar.finish_and_clear();
        let report = report?;
        if !args.json {
            summary::print(&job.name, &report)?;
        }
        summaries.push(summary::json(&job.name, &report)?);
    }
    if args.json {
        terminal::print_json(&json!({ "columns": summaries }))?;
    }
    Ok(())
}
