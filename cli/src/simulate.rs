//! `curricle simulate`: what a policy would sample, before a GPU-hour is spent. No token is read.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::PathBuf,
    time::Instant,
};

use anyhow::{Context, Result};
use curricle::{Planned, Planner, atomic::AtomicFile};

use crate::{
    chart,
    history::{History, stream_name},
    run_options::RunOptions,
    terminal,
};

/// Plans the steps of a run without reading a token, and shows what each drew from which stream.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle simulate curricle.toml --steps 1000
  curricle simulate curricle.toml --steps 100000 --csv draws.csv --plot draws.svg
  curricle simulate curricle.toml --steps 1000 --json | jq .streams

The CSV has one row per step and value: step, kind (`draw`, `append` or `annotation`), name, value.")]
pub(crate) struct Args {
    #[command(flatten)]
    run: RunOptions,
    /// Steps to plan.
    #[arg(long, value_name = "N")]
    steps: u64,
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
    let mut planner = args.run.planner(&run)?;
    let first = planner.state().step();
    let mut history = History::new(first, args.steps);
    let mut csv = args.csv.as_ref().map(AtomicFile::create).transpose()?.map(BufWriter::new);
    if let Some(csv) = &mut csv {
        writeln!(csv, "step,kind,name,value")?;
    }

    let bar = terminal::progress(args.steps, "steps", "planning");
    let started = Instant::now();
    let mut spare = None;
    for _ in 0..args.steps {
        if terminal::interrupted() {
            break;
        }
        let planned = match spare.take() {
            Some(plan) => planner.plan_into(plan)?,
            None => planner.plan()?,
        };
        let Some(planned) = planned else { break };
        history.add(&planner, &planned);
        if let Some(csv) = &mut csv {
            write_rows(csv, &planner, &planned)?;
        }
        bar.inc(1);
        spare = Some(planned.plan);
    }
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();

    if let Some(csv) = csv {
        csv.into_inner().map_err(|e| e.into_error()).context("cannot write the CSV")?.commit()?;
    }
    if let Some(path) = &args.plot {
        let unit = if run.config().batch.tokens.is_some() { "micro-batches" } else { "samples" };
        let title = format!("{}, {} steps of {} {unit}", run.policy().description().name, history.steps, run.shape().global());
        let svg = chart::draw(&title, &history)?;
        curricle::atomic::write(path, svg.as_bytes())?;
    }
    let state = planner.state();
    if args.json {
        let mut summary = history.to_json(seconds);
        if let Some(fell_back) = state.fell_back() {
            summary["fell_back"] = serde_json::to_value(fell_back)?;
        }
        terminal::print_json(&summary)?;
    } else {
        history.print(seconds, &mut io::stdout().lock())?;
        if let Some(fell_back) = state.fell_back() {
            writeln!(io::stdout(), "\n{}", fell_back.in_words())?;
        }
        for (place, restarts) in state.restarts() {
            writeln!(io::stdout(), "\n{place}: {restarts} restarts after faults")?;
        }
    }
    for path in args.csv.iter().chain(&args.plot) {
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
