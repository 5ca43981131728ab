//! A policy in the host's own hands: a run is opened and planned, without a token being read.

use std::path::Path;

use curricle::{
    Error, Result, Run, RunConfig,
    dataset::{Dataset, Options, View},
};

use super::{Scenario, expect, file::File, snapshot::done};
use crate::{
    answer::Answer,
    data::{ColumnFiles, ColumnSpec, DatasetSpec, write_documents},
    subject::Subject,
    suite::{Checked, Stop, scratch},
};

/// What a run file has at least. A scenario gives the rest.
const TEMPLATE: &str = "seed = 1\n[dataset]\npath = \"data\"\n[batch]\nglobal-batch-size = 32\n[policy]\nplugin = \"\"\n";
/// Steps that are planned, if the scenario does not say and nothing else ends the run.
const STEPS: u64 = 20;

pub(super) fn run(scenario: &Scenario, subject: &Subject) -> Checked {
    let folder = scratch()?;
    let run = open(scenario, subject, folder.path())?;
    let mut planner = run.planner()?;
    let mut plans = Vec::new();
    scenario.breathe()?;
    while let Some(planned) = planner.plan()? {
        plans.push(Answer::of(planned.step, &planned.plan, planner.streams()));
        scenario.breathe()?;
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
fn open(scenario: &Scenario, subject: &Subject, folder: &Path) -> Result<Run, Stop> {
    let file = &scenario.file;
    let spec = file.dataset.clone().unwrap_or_default();
    let mut config = RunConfig::parse(TEMPLATE, "", folder)?;
    config.seed = file.seed.unwrap_or(config.seed);
    config.steps = file.steps.or_else(|| steps(file));
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
    Run::open(config).map_err(|error| match &error {
        // The host speaks of a plugin where its configuration is refused; anything else is the scenario's own.
        Error::Config { place, .. } if place.contains("plugin `") => error.into(),
        Error::Config { place, problem, remedy } => scenario.spot_of(key_of(place)).wrong(problem, remedy),
        Error::Io { path, .. } if !path.starts_with(folder) => scenario.spot_of("pacing").wrong(error.to_string(), ""),
        _ => error.into(),
    })
}

/// A key of the run as the scenario has it: those of the template are told by their line there.
fn key_of(place: &str) -> &str {
    match place.split(':').nth(1) {
        Some("1") => "seed",
        Some("3") => "dataset.path",
        Some("5") => "global-batch-size",
        _ => place,
    }
}

/// Steps of a scenario that says none: as many as show what it expects, or those of its epochs.
fn steps(file: &File) -> Option<u64> {
    let expected = file.expect.exhausted_after.as_ref();
    file.epochs.is_none().then(|| expected.map_or(STEPS, |steps| steps.get_ref().saturating_add(1)))
}

/// Makes the data, or names that which is there.
fn dataset(scenario: &Scenario, spec: &DatasetSpec, folder: &Path, config: &mut RunConfig) -> Result<(), Stop> {
    let lengths = spec.lengths.unwrap_or_default();
    let opened = match &spec.path {
        Some(path) => {
            config.dataset.path = absolute(&scenario.folder().join(path))?;
            config.dataset.sequence_length = spec.sequence_length;
            config.dataset.stride = spec.stride;
            open_dataset(scenario, spec, path).map_err(|error| match error {
                Error::Interrupted { .. } | Error::Internal { .. } => error.into(),
                _ => scenario.spot_of("dataset.path").wrong(error.to_string(), ""),
            })?
        }
        None => {
            let path = folder.join("data");
            write_documents(&path, spec.n_synthetic(), lengths, &|| scenario.breathe())?;
            Dataset::open(&path)?
        }
    };
    if spec.path.is_some() && spec.columns.values().any(|column| *column == ColumnSpec::Lengths) {
        let remedy = "with `path`, run `curricle analyze` with the metric `seqlen`";
        return Err(scenario.spot_of("dataset.columns").wrong("`\"lengths\"` is a column of synthetic samples", remedy));
    }
    let fingerprint = opened.fingerprint().to_string();
    let files = ColumnFiles { folder, fingerprint, samples: opened.len(), lengths };
    config.columns = files.make(&spec.columns, &|| scenario.breathe())?;
    Ok(())
}

/// The dataset that is at a path of the scenario.
pub(super) fn open_dataset(scenario: &Scenario, spec: &DatasetSpec, path: &Path) -> Result<Dataset> {
    let view = match spec.sequence_length {
        Some(length) => View::Sequences { length, stride: spec.stride.unwrap_or(length) },
        None => View::Documents,
    };
    Dataset::open_with(absolute(&scenario.folder().join(path))?, &Options { view, ..Options::default() })
}

/// A path that holds wherever it is read from.
fn absolute(path: &Path) -> Result<std::path::PathBuf> {
    std::path::absolute(path).map_err(Error::io("find", path))
}
