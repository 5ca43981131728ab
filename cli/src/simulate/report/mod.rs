//! The report of a simulation: one page that shows what a policy does, and needs nothing but itself.

mod bins;
mod data;
mod given;
mod lengths;
mod page;
mod seen;
mod told;

use std::{path::Path, time::Duration};

use anyhow::Result;
use curricle::{Layout, Planned, Planner, Run, SamplerState, batch::Plan, dataset::View};

pub(super) use self::page::page;
use self::{given::Given, told::Told};

/// What is kept of a run while it is simulated: the plans' part.
pub(super) struct Recorder {
    told: Told,
    first: u64,
}

/// What is kept of a run while it is simulated: the samples' part, which another thread fills.
pub(super) struct Watcher(Given);

/// All that the page shows of a run.
pub(super) struct Recording {
    name: String,
    summary: Vec<(&'static str, String)>,
    first: u64,
    told: Told,
    given: Given,
    padded: bool,
    seconds: f64,
}

impl Watcher {
    /// Takes in the plan of a step.
    pub(super) fn add(&mut self, plan: &Plan, step: u64) -> curricle::Result<()> {
        self.0.add(plan, step)
    }
}

impl Recorder {
    /// Both parts, for a planner of which at most `steps` steps will be planned.
    pub(super) fn start(run: &Run, planner: &Planner, steps: u64) -> Result<(Recorder, Watcher)> {
        let first = planner.state().step();
        let steps = run.n_steps().map_or(steps, |n| n.saturating_sub(first).min(steps));
        let given = Given::new(run, steps, u64::from(run.config().batch.global_batch_size), seen::COUNTED, given::LOOKED_UP)?;
        Ok((Recorder { told: Told::new(planner), first }, Watcher(given)))
    }

    /// Takes in the plan of a step, which took so long.
    pub(super) fn add(&mut self, planner: &Planner, planned: &Planned, time: Duration) {
        self.told.add(planner, planned, time);
    }

    /// Joins both parts.
    pub(super) fn finish(self, watcher: Watcher, path: &Path, run: &Run, state: &SamplerState, seconds: f64) -> Recording {
        let Recorder { told, first } = self;
        let mut summary = summary(path, run);
        let steps = told.bins.steps();
        summary.push(("Steps", format!("{steps}, from step {first}")));
        let samples: u64 = told.bins.iter().map(|bin| bin.samples).sum();
        let tokens = state.consumed_tokens().map(|n| format!(", {n} tokens since the start of the run")).unwrap_or_default();
        summary.push(("Given out", format!("{samples} samples{tokens}")));
        if let Some(fell_back) = state.fell_back() {
            summary.push(("Fell back", fell_back.in_words()));
        }
        for (place, restarts) in state.restarts() {
            summary.push(("Restarted", format!("{place}: {restarts} times after faults")));
        }
        summary.push(("Made by", format!("curricle {}", env!("CARGO_PKG_VERSION"))));
        let name = run.policy().description().name.clone();
        Recording { name, summary, first, told, given: watcher.0, padded: run.is_padded(), seconds }
    }
}

/// What the run is made of.
fn summary(path: &Path, run: &Run) -> Vec<(&'static str, String)> {
    let (config, dataset) = (run.config(), run.dataset());
    let description = run.policy().description();
    let configuration = serde_json::to_string(&config.policy.config).unwrap_or_default();
    let view = match dataset.view() {
        View::Documents => "documents".to_owned(),
        View::Sequences { length, stride } if length == stride => format!("sequences of {length} tokens"),
        View::Sequences { length, stride } => format!("sequences of {length} tokens, one every {stride}"),
    };
    let columns: Vec<&str> = run.columns().iter().map(|(name, _)| name).collect();
    let layout = match config.batch.layout {
        Layout::Packed => "packed",
        Layout::Padded => "padded",
        Layout::Rows => "rows",
    };
    let shape = run.shape();
    let unit = if config.batch.tokens.is_some() { "micro-batches" } else { "samples" };
    vec![
        ("Run file", path.display().to_string()),
        ("Policy", format!("{} {}: {}", description.name, description.version, description.summary)),
        ("SHA-256", curricle::hex(&run.policy().sha256())),
        ("Configuration", configuration),
        ("Dataset", format!("{}, {} {view}, {} tokens", config.dataset.path.display(), dataset.len(), dataset.n_tokens())),
        ("Fingerprint", dataset.fingerprint().to_string()),
        ("Columns", if columns.is_empty() { "none".to_owned() } else { columns.join(", ") }),
        ("Batch", format!("{} {unit} a step over {} ranks, {layout}", shape.global(), shape.dp_world_size())),
        ("Seed", config.seed.to_string()),
    ]
}
