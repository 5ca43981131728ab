//! What a simulation sampled over the steps, summed up as it goes.

use std::{collections::BTreeMap, io::Write};

use anyhow::Result;
use curricle::{Planned, Planner};
use serde_json::json;

/// Name of a stream that the policy opened.
pub(crate) fn stream_name(planner: &Planner, stream: u32) -> &str {
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
    /// First value of all, by name.
    firsts: BTreeMap<String, f64>,
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
    pub(crate) fn new(first: u64, steps: u64) -> History {
        History {
            first,
            steps: 0,
            span: steps.div_ceil(POINTS).max(1),
            samples: 0,
            draws: BTreeMap::new(),
            firsts: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, planner: &Planner, planned: &Planned) {
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
                self.firsts.insert(name.clone(), *value);
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

    pub(crate) fn to_json(&self, seconds: f64) -> serde_json::Value {
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
            .map(|(name, values)| (name.clone(), json!({ "first": self.firsts.get(name), "last": values.iter().flatten().last() })))
            .collect();
        json!({
            "first_step": self.first, "steps": self.steps, "samples": self.samples, "streams": streams, "annotations": annotations,
            "seconds": seconds,
        })
    }

    /// Prints the summary for a person.
    pub(crate) fn print(&self, seconds: f64, out: &mut impl Write) -> Result<()> {
        writeln!(
            out,
            "{} steps from step {}, {} samples, {:.1} µs a step",
            self.steps,
            self.first,
            self.samples,
            seconds * 1e6 / self.steps.max(1) as f64
        )?;
        if !self.draws.is_empty() {
            writeln!(out, "\n{:>14} {:>8} {:>14} {:>8}  stream", "drawn", "share", "length", "epochs")?;
        }
        const SHOWN: usize = 24;
        let streams = self.by_size();
        for (name, drawn) in streams.iter().take(SHOWN) {
            let length = drawn.length.map_or_else(|| "-".into(), |n| n.to_string());
            let epochs = drawn.length.map_or_else(|| "-".into(), |n| format!("{:.2}", drawn.total as f64 / n as f64));
            writeln!(out, "{:>14} {:>7.2}% {length:>14} {epochs:>8}  {name}", drawn.total, 100.0 * self.share(drawn))?;
        }
        if streams.len() > SHOWN {
            writeln!(out, "{:>14} more streams: --csv has them all", streams.len() - SHOWN)?;
        }
        if !self.annotations.is_empty() {
            writeln!(out, "\n{:>14} {:>14}  annotation", "first", "last")?;
        }
        for (name, values) in &self.annotations {
            let first = self.firsts.get(name).copied().unwrap_or(f64::NAN);
            let last = values.iter().flatten().last().copied().unwrap_or(first);
            writeln!(out, "{first:>14.4} {last:>14.4}  {name}")?;
        }
        Ok(())
    }
}

impl Drawn {
    fn add(&mut self, span: usize, count: u64) {
        self.total += count;
        self.spans.resize(self.spans.len().max(span + 1), 0);
        self.spans[span] += count;
    }
}
