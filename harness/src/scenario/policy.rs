//! A policy in the host's own hands: a run is opened and planned, without a token being read.

use std::path::Path;

use curricle::{
    Error, Result, Run, RunConfig,
    dataset::{Dataset, Options, View},
};

use super::{Scenario, expect, snapshot::done};
use crate::{
    answer::Answer,
    data::{ColumnFiles, ColumnSpec, DatasetSpec, write_documents},
    subject::Subject,
    suite::{Checked, scratch},
};

/// Samples of a synthetic dataset, if the scenario does not say.
const SAMPLES: u64 = 1000;
/// Steps that are planned, if the scenario does not say.
const STEPS: u64 = 20;

pub(super) fn run(scenario: &Scenario, subject: &Subject) -> Checked {
    let folder = scratch()?;
    let run = open(scenario, subject, folder.path())?;
    let mut planner = run.planner()?;
    let steps = scenario.file.steps.unwrap_or(STEPS);
    let mut plans = Vec::new();
    while (plans.len() as u64) < steps {
        scenario.breathe()?;
        let Some(planned) = planner.plan()? else { break };
        plans.push(Answer::of(planned.step, &planned.plan, planner.streams()));
    }
    expect::check(scenario, &run, planner.streams(), &plans)?;
    let snapshot = scenario.compare_snapshot(|n| {
        let first = plans.iter().take(usize::try_from(n).unwrap_or(usize::MAX));
        first.map(|plan| format!("{}\n", plan.with_ids(usize::MAX))).collect()
    })?;
    let samples = run.dataset().len();
    Ok(done(format!("{} steps over {} samples", plans.len(), crate::words::number(samples)), snapshot))
}

/// The run that the scenario describes; synthetic files go into the folder.
fn open(scenario: &Scenario, subject: &Subject, folder: &Path) -> Result<Run> {
    let file = &scenario.file;
    let spec = file.dataset.clone().unwrap_or_default();
    let mut config = RunConfig::parse(
        "seed = 1\n[dataset]\npath = \"data\"\n[batch]\nglobal-batch-size = 32\n[policy]\nplugin = \"\"\n",
        &scenario.shown,
        folder,
    )?;
    config.seed = file.seed.unwrap_or(config.seed);
    config.steps = file.steps.or((file.epochs.is_none()).then_some(STEPS));
    config.epochs = file.epochs;
    config.drop_last = file.drop_last.unwrap_or(false);
    config.batch.global_batch_size = file.global_batch_size.unwrap_or(config.batch.global_batch_size);
    config.policy.plugin = absolute(&subject.path)?.display().to_string();
    config.policy.config = file.config.clone();
    config.policy.limits = file.limits.clone().unwrap_or_else(|| subject.limits());
    config.pacing = file.pacing.clone();
    for pacing in config.pacing.values_mut() {
        if let curricle::PacingConfig::Plugin(plugin) = pacing
            && plugin.plugin.ends_with(".wasm")
        {
            plugin.plugin = absolute(&scenario.folder().join(&plugin.plugin))?.display().to_string();
        }
    }
    dataset(scenario, &spec, folder, &mut config)?;
    Run::open(config)
}

/// Makes the data, or names that which is there.
fn dataset(scenario: &Scenario, spec: &DatasetSpec, folder: &Path, config: &mut RunConfig) -> Result<()> {
    let lengths = spec.lengths.unwrap_or_default();
    let opened = match &spec.path {
        Some(path) => {
            config.dataset.path = absolute(&scenario.folder().join(path))?;
            config.dataset.sequence_length = spec.sequence_length;
            config.dataset.stride = spec.stride;
            let view = match spec.sequence_length {
                Some(length) => View::Sequences { length, stride: spec.stride.unwrap_or(length) },
                None => View::Documents,
            };
            Dataset::open_with(&config.dataset.path, &Options { view, ..Options::default() })?
        }
        None => {
            let path = folder.join("data");
            write_documents(&path, spec.samples.unwrap_or(SAMPLES), lengths)?;
            Dataset::open(&path)?
        }
    };
    if spec.path.is_some() && spec.columns.values().any(|column| *column == ColumnSpec::Lengths) {
        return Err(Error::Config {
            place: format!("{}, dataset.columns", scenario.shown),
            problem: "`\"lengths\"` is a column of synthetic samples".into(),
            remedy: "with `path`, run `curricle analyze` with the metric `seqlen`".into(),
        });
    }
    let fingerprint = opened.fingerprint().to_string();
    let files = ColumnFiles { folder, fingerprint, samples: opened.len(), lengths };
    config.columns = files.make(&spec.columns)?;
    Ok(())
}

/// A path that holds wherever it is read from.
fn absolute(path: &Path) -> Result<std::path::PathBuf> {
    std::path::absolute(path).map_err(Error::io("find", path))
}
