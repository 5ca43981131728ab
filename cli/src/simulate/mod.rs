//! `curricle simulate`: what a policy would sample, before a GPU-hour is spent. No token is read.

mod chart;
mod history;
mod plan;
mod report;

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use anyhow::{Context, Result};
use curricle::{Planned, Planner, Run, RunConfig, atomic::AtomicFile};

use self::{
    history::{History, stream_name},
    plan::plan,
};
use crate::{run_options::RunOptions, terminal};

/// Plans the steps of a run without reading a token, and shows what each drew from which stream.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle simulate curricle.toml --steps 1000
  curricle simulate curricle.toml --steps 100000 --report draws.html
  curricle simulate curricle.toml --steps 100000 --report draws.html --against other.toml
  curricle simulate curricle.toml --steps 100000 --csv draws.csv --plot draws.svg
  curricle simulate curricle.toml --steps 1000 --json | jq .streams

The report is one page for a browser that needs no network. docs/simulate.md tells what it shows, and what of it is an estimate.
The CSV has one row per step and value: step, kind (`draw`, `append` or `annotation`), name, value.")]
pub(crate) struct Args {
    #[command(flatten)]
    run: RunOptions,
    /// Steps to plan.
    #[arg(long, value_name = "N")]
    steps: u64,
    /// Writes a page about what was sampled: streams, categories, lengths, padding, repeats, fuel and time.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Run file of another run, from its start, to stand beside the first in the report.
    #[arg(long, value_name = "RUN", requires = "report")]
    against: Option<PathBuf>,
    /// Leaves measured times out of the report, so that the same run gives the same bytes.
    #[arg(long, requires = "report")]
    no_times: bool,
    /// Writes every draw and annotation of every step.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draws the shares of the streams and the annotations over the steps, as SVG.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let run = args.run.open()?;
    // Both are opened before either is planned: a mistake in the second should not cost the time of the first.
    let other = args.against.as_ref().map(|path| open_other(path, args.run.seed)).transpose()?;
    let mut planner = args.run.planner(&run)?;
    let first = planner.state().step();
    let mut history = History::new(first, args.steps);
    let mut csv = args.csv.as_ref().map(AtomicFile::create).transpose()?.map(BufWriter::new);
    if let Some(csv) = &mut csv {
        writeln!(csv, "step,kind,name,value")?;
    }
    let report = args.report.as_ref().map(|_| args.run.run.as_path());
    let done = plan(&run, &mut planner, args.steps, report, &mut |planner, planned| {
        history.add(planner, planned);
        if let Some(csv) = &mut csv {
            write_rows(csv, planner, planned)?;
        }
        Ok(())
    })?;

    if let Some(csv) = csv {
        csv.into_inner().map_err(|e| e.into_error()).context("cannot write the CSV")?.commit()?;
    }
    if let Some(path) = &args.plot {
        let unit = if run.config().batch.tokens.is_some() { "micro-batches" } else { "samples" };
        let title = format!("{}, {} steps of {} {unit}", run.policy().description().name, history.steps, run.shape().global());
        let svg = chart::draw(&title, &history)?;
        curricle::atomic::write(path, svg.as_bytes())?;
    }
    if let (Some(path), Some(recording)) = (&args.report, done.recording) {
        let mut recordings = vec![recording];
        if let Some((path, other)) = &other {
            let mut planner = other.planner()?;
            recordings.extend(plan(other, &mut planner, args.steps, Some(path), &mut |_, _| Ok(()))?.recording);
        }
        curricle::atomic::write(path, report::page(&recordings, !args.no_times)?.as_bytes())?;
    }
    print(&args, &planner, &history, done.seconds)?;
    for path in args.csv.iter().chain(&args.plot).chain(&args.report) {
        let size = fs::metadata(path).map(|m| m.len()).unwrap_or(0);
        eprintln!("wrote {} ({size} bytes)", path.display());
    }
    if terminal::interrupted() {
        return Err(curricle::Error::Interrupted {
            doing: format!("planning step {}", first + history.steps),
            remedy: "what was planned so far is above".into(),
        }
        .into());
    }
    Ok(())
}

fn open_other(path: &PathBuf, seed: Option<u64>) -> Result<(PathBuf, Run)> {
    let mut config = RunConfig::load(path)?;
    config.seed = seed.unwrap_or(config.seed);
    Ok((path.clone(), Run::open(config)?))
}

/// Prints what was sampled.
fn print(args: &Args, planner: &Planner, history: &History, seconds: f64) -> Result<()> {
    let state = planner.state();
    if args.json {
        let mut summary = history.to_json(seconds);
        if let Some(fell_back) = state.fell_back() {
            summary["fell_back"] = serde_json::to_value(fell_back)?;
        }
        return terminal::print_json(&summary);
    }
    history.print(seconds, &mut io::stdout().lock())?;
    if let Some(fell_back) = state.fell_back() {
        writeln!(io::stdout(), "\n{}", fell_back.in_words())?;
    }
    for (place, restarts) in state.restarts() {
        writeln!(io::stdout(), "\n{place}: {restarts} restarts after faults")?;
    }
    Ok(())
}

fn write_rows(csv: &mut impl Write, planner: &Planner, planned: &Planned) -> Result<()> {
    let step = planned.step;
    for draw in planned.plan.draws() {
        writeln!(csv, "{step},draw,{},{}", quoted(stream_name(planner, draw.stream)), draw.count)?;
    }
    if planned.plan.appended() > 0 {
        writeln!(csv, "{step},append,,{}", planned.plan.appended())?;
    }
    for (name, value) in planned.plan.annotations() {
        writeln!(csv, "{step},annotation,{},{value}", quoted(name))?;
    }
    Ok(())
}

/// A field of a CSV file (RFC 4180).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}
