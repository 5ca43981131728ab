//! `curricle simulate`: what a policy would sample, before a GPU-hour is spent. No token is read.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufWriter, Write},
    path::PathBuf,
    time::Instant,
};

use anyhow::{Context, Result};
use curricle::{Planned, Planner, atomic::AtomicFile};
use serde_json::json;

use crate::{chart, run_options::RunOptions, terminal};

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
        let title = format!("{}, {} steps of {} samples", run.policy().description().name, history.steps, run.shape().global());
        let svg = chart::draw(&title, &history)?;
        curricle::atomic::write(path, svg.as_bytes())?;
    }
    if args.json {
        terminal::print_json(&history.to_json(seconds))?;
    } else {
        history.print(seconds);
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

fn stream_name(planner: &Planner, stream: u32) -> &str {
    planner.streams().get(stream).map_or("?", |s| s.name())
}

/// Points of the picture over the steps: enough for any screen.
const POINTS: u64 = 400;

/// What was sampled over the steps, in at most [`POINTS`] spans of steps.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) first: u64,
    pub(crate) steps: u64,
    pub(crate) span: u64,
    samples: u64,
    /// Samples drawn in each span, by stream.
    pub(crate) draws: BTreeMap<String, Drawn>,
    /// Last value in each span, by name.
    pub(crate) annotations: BTreeMap<String, Vec<Option<f64>>>,
}

/// What came from one stream.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    pub(crate) total: u64,
    pub(crate) length: Option<u64>,
    pub(crate) spans: Vec<u64>,
}

impl History {
    fn new(first: u64, steps: u64) -> History {
        History { first, steps: 0, span: steps.div_ceil(POINTS).max(1), samples: 0, draws: BTreeMap::new(), annotations: BTreeMap::new() }
    }

    fn add(&mut self, planner: &Planner, planned: &Planned) {
        let span = (self.steps / self.span) as usize;
        for draw in planned.plan.draws() {
            let name = stream_name(planner, draw.stream);
            if !self.draws.contains_key(name) {
                let length = planner.streams().get(draw.stream).map(|s| s.len());
                self.draws.insert(name.to_owned(), Drawn { length, ..Drawn::default() });
            }
            if let Some(drawn) = self.draws.get_mut(name) {
                drawn.add(span, u64::from(draw.count));
            }
        }
        if planned.plan.appended() > 0 {
            self.draws.entry("(appended)".to_owned()).or_default().add(span, u64::from(planned.plan.appended()));
        }
        for (name, value) in planned.plan.annotations() {
            if !self.annotations.contains_key(name) {
                self.annotations.insert(name.clone(), Vec::new());
            }
            if let Some(values) = self.annotations.get_mut(name) {
                values.resize(span + 1, None);
                values[span] = Some(*value);
            }
        }
        self.steps += 1;
        self.samples += planned.plan.ids().len() as u64;
    }

    fn share(&self, drawn: &Drawn) -> f64 {
        drawn.total as f64 / self.samples.max(1) as f64
    }

    /// Streams by what was drawn from them, most first.
    pub(crate) fn by_size(&self) -> Vec<(&str, &Drawn)> {
        let mut streams: Vec<_> = self.draws.iter().map(|(name, drawn)| (name.as_str(), drawn)).collect();
        streams.sort_by_key(|(_, drawn)| std::cmp::Reverse(drawn.total));
        streams
    }

    fn to_json(&self, seconds: f64) -> serde_json::Value {
        let streams: Vec<_> = self
            .by_size()
            .into_iter()
            .map(|(name, drawn)| {
                json!({
                    "name": name, "drawn": drawn.total, "share": self.share(drawn), "length": drawn.length,
                    "epochs": drawn.length.map(|n| drawn.total as f64 / n as f64),
                })
            })
            .collect();
        let annotations: serde_json::Map<String, serde_json::Value> = self
            .annotations
            .iter()
            .map(|(name, values)| {
                let mut known = values.iter().flatten();
                let first = known.next();
                (name.clone(), json!({ "first": first, "last": known.last().or(first) }))
            })
            .collect();
        json!({
            "first_step": self.first, "steps": self.steps, "samples": self.samples, "streams": streams, "annotations": annotations,
            "seconds": seconds,
        })
    }

    fn print(&self, seconds: f64) {
        println!(
            "{} steps from step {}, {} samples, {:.1} µs a step",
            self.steps,
            self.first,
            self.samples,
            seconds * 1e6 / self.steps.max(1) as f64
        );
        if !self.draws.is_empty() {
            println!("\n{:>14} {:>8} {:>14} {:>8}  stream", "drawn", "share", "length", "epochs");
        }
        const SHOWN: usize = 24;
        let streams = self.by_size();
        for (name, drawn) in streams.iter().take(SHOWN) {
            let length = drawn.length.map_or_else(|| "-".into(), |n| n.to_string());
            let epochs = drawn.length.map_or_else(|| "-".into(), |n| format!("{:.2}", drawn.total as f64 / n as f64));
            println!("{:>14} {:>7.2}% {length:>14} {epochs:>8}  {name}", drawn.total, 100.0 * self.share(drawn));
        }
        if streams.len() > SHOWN {
            println!("{:>14} more streams: --csv has them all", streams.len() - SHOWN);
        }
        if !self.annotations.is_empty() {
            println!("\n{:>14} {:>14}  annotation", "first", "last");
        }
        for (name, values) in &self.annotations {
            let mut known = values.iter().flatten();
            let first = known.next().copied().unwrap_or(f64::NAN);
            let last = known.last().copied().unwrap_or(first);
            println!("{first:>14.4} {last:>14.4}  {name}");
        }
    }
}

impl Drawn {
    fn add(&mut self, span: usize, count: u64) {
        self.total += count;
        self.spans.resize(self.spans.len().max(span + 1), 0);
        self.spans[span] += count;
    }
}
