//! A policy step in the sandbox against the same component without.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use curricle::{
    batch::Plan,
    columns::{Column, Columns},
    dataset::Dataset,
    plugin::{self, Context, Limits, Policy, PolicyPlugin, Step},
    streams::Streams,
};
use curricle_tests::bench::{
    Row, data,
    timing::{difference, pretty},
};
use serde_json::{Value, json};

const N: u64 = 10_000_000;
const SIZE: u32 = 1024;
const STEPS: u32 = 100;

/// What a policy decides about: columns, streams from the start.
pub(crate) fn context(columns: &Arc<Columns>) -> Context {
    Context { streams: Streams::new(columns.clone(), 7), columns: columns.clone(), pacings: Box::new(|_, _| None) }
}

/// A policy in its run.
struct Running {
    policy: Policy,
    plan: Plan,
    step: u64,
}

impl Running {
    fn new(plugin: &PolicyPlugin, columns: &Arc<Columns>) -> Result<Running> {
        Ok(Running { policy: plugin.start(context(columns), None)?, plan: Plan::new(SIZE), step: 0 })
    }

    fn steps(&mut self) {
        for _ in 0..STEPS {
            self.plan.reset(SIZE);
            let step = Step { index: self.step, consumed_samples: self.step * u64::from(SIZE), consumed_tokens: None };
            if let Err(error) = self.policy.fill(step, &mut self.plan) {
                panic!("{error}");
            }
            self.step += 1;
        }
    }
}

pub(crate) fn cost() -> Result<Vec<Row>> {
    let (_, dataset) = data::sequences(N)?;
    let mut columns = Columns::new(N);
    columns.insert("domain", domains(&dataset)?)?;
    let columns = Arc::new(columns);
    let weights: Value = (0..250).map(|c| (format!("domain-{c:03}"), json!(1 + c % 7))).collect::<serde_json::Map<_, _>>().into();
    let mut rows = Vec::new();
    for (name, config, streams) in
        [("uniform", json!({}), "1 stream"), ("mixture", json!({ "column": "domain", "weights": weights }), "250 streams")]
    {
        let path = plugin::find(name)?;
        let limits = Limits::default();
        let mut guarded = Running::new(&PolicyPlugin::load(name, &path, &config, &limits)?, &columns)?;
        let mut bare = Running::new(&PolicyPlugin::load_bare(name, &path, &config, &limits)?, &columns)?;
        let (more, without) = difference(1001, || guarded.steps(), || bare.steps());
        let (more, without) = (more / STEPS, without / STEPS);
        rows.push(Row {
            work: format!("what the sandbox adds to a policy step, {streams}, 1 024 samples"),
            measured: format!("{}, besides {}", pretty(more), pretty(without)),
            target: "≤ 1 µs",
            met: more <= Duration::from_micros(1),
        });
    }
    Ok(rows)
}

fn domains(dataset: &Dataset) -> Result<Column> {
    let path = data::folder()?.join(format!("domains-{N}.arrow"));
    data::categories(dataset, &path, 250)?;
    Ok(Column::open(&path)?)
}

/// A column of numbers, and nothing else.
pub(crate) fn numbers() -> Result<Arc<Columns>> {
    let (_, dataset) = data::sequences(N)?;
    let path = data::folder()?.join(format!("first-{N}.arrow"));
    data::numbers(&dataset, Path::new(&path), |i| (data::noise(i) % 100_000) as u32)?;
    let mut columns = Columns::new(N);
    columns.insert("first", Column::open(&path)?)?;
    Ok(Arc::new(columns))
}
