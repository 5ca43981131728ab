//! Plugins: loaded as each kind, and used as a host would.

use std::{sync::Arc, time::Duration};

use curricle::{
    batch::Plan,
    columns::{Column, Columns},
    plugin::{Context, Limits, MetricPlugin, PacingPlugin, PackerPlugin, PolicyPlugin, Samples, Step, inspect},
    streams::Streams,
};
use serde_json::Value;

use super::scratch;
use crate::{Corpus, plugin};

/// Samples of the dataset that policies see.
const N: u64 = 50;

thread_local! {
    static COLUMNS: Arc<Columns> = {
        let corpus = Corpus::new(N);
        let mut columns = Columns::new(N);
        for (name, path) in Column::list(&corpus.dataset().columns_dir()).expect("columns") {
            columns.insert(name, Column::open(path).expect("a column")).expect("a column of the dataset");
        }
        Arc::new(columns)
    };
}

/// Limits under which any plugin is done at once.
fn limits() -> Limits {
    let mut limits = Limits::compiled();
    limits.fuel = 3_000_000;
    limits.memory = 16 << 20;
    limits.deadline = Duration::from_millis(500);
    limits.file_size = 1 << 20;
    limits.answer = 64 << 10;
    limits.state = 4 << 10;
    limits.log_lines = 3;
    limits.log_bytes = 64;
    limits
}

/// A file that is said to be a plugin.
pub(super) fn component(data: &[u8]) {
    load(data);
}

/// Loads a plugin as what it says it is, and uses it. Answers how far it came: 0 if it was not loaded, 1 if it was, 2 if it took its
/// configuration, 3 if it did its work.
pub fn load(data: &[u8]) -> u32 {
    let path = scratch::file("plugin.wasm", data);
    let (limits, config) = (limits(), Value::Null);
    if let Ok(plugin) = PacingPlugin::load("fuzz", &path, &config, &limits) {
        let Ok(mut pacing) = plugin.instantiate() else { return 1 };
        let answers: Vec<_> = [0, 1, u64::MAX].map(|step| pacing.difficulty(step)).into_iter().flatten().collect();
        assert!(answers.iter().all(|difficulty| difficulty.is_finite()));
        return if answers.is_empty() { 2 } else { 3 };
    }
    if let Ok(plugin) = PackerPlugin::load("fuzz", &path, &config, &limits) {
        let Ok(mut packer) = plugin.instantiate() else { return 1 };
        let Ok(bins) = packer.pack(&[3, 9, 1, 10, 4], 10, Some(3)) else { return 2 };
        assert!(bins.len() == 5 && bins.iter().all(|bin| *bin < 5));
        return 3;
    }
    if let Ok(plugin) = MetricPlugin::load("fuzz", &path, &config, &limits) {
        return measure(&plugin);
    }
    match PolicyPlugin::load("fuzz", &path, &config, &limits) {
        Ok(plugin) => decide(&plugin),
        Err(_) => 0,
    }
}

fn measure(plugin: &MetricPlugin) -> u32 {
    let Ok(mut metric) = plugin.instantiate() else { return 1 };
    let samples = Samples { first: 0, width: 2, tokens: &[1, 0, 2, 0, 3, 0], offsets: &[0, 1, 3] };
    let needs = metric.needs();
    for pass in 0..needs.passes {
        let mut round = || {
            metric.accumulate(pass, &samples)?;
            let partial = metric.partial(pass)?;
            let merged = metric.merge(pass, &[partial.clone(), partial])?;
            metric.finish(pass, &merged)
        };
        if round().is_err() {
            return 2;
        }
    }
    let _ = metric.totals();
    match metric.measure(&samples) {
        Ok(values) => {
            assert_eq!(values.len(), 2);
            3
        }
        Err(_) => 2,
    }
}

fn decide(plugin: &PolicyPlugin) -> u32 {
    let context = || {
        COLUMNS.with(|columns| Context {
            columns: columns.clone(),
            streams: Streams::new(columns.clone(), 3),
            pacings: Box::new(|name, step| (name == "p").then_some(Ok(step as f64))),
        })
    };
    let Ok(mut policy) = plugin.start(context(), None) else { return 1 };
    let mut plan = Plan::new(8);
    let mut reached = 2;
    for index in 0..3 {
        plan.reset(8);
        if policy.fill(Step { index, consumed_samples: index * 8, consumed_tokens: Some(index) }, &mut plan).is_err() {
            return reached;
        }
        assert!(plan.ids().is_empty() || (plan.ids().len() == 8 && plan.ids().iter().all(|id| *id < N)), "{:?}", plan.ids());
        reached = 3;
        if let Ok(state) = policy.save() {
            let _ = plugin.start(context(), Some(&state));
        }
    }
    reached
}

/// A built-in plugin of each kind, and what is none.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let built_in = ["cosine", "first-fit", "seqlen", "vocab-rarity", "uniform", "curriculum"].map(plugin);
    for path in &built_in {
        inspect(path).expect("a plugin");
    }
    let text = |text: &str| wat::parse_str(text).expect("WebAssembly text");
    let mut seeds: Vec<_> = built_in.iter().map(scratch::read).collect();
    seeds.push(text("(component)"));
    seeds.push(text("(module (func (export \"f\")))"));
    seeds.push(text("(component (component (core module (func (export \"f\")))))"));
    seeds.push(b"(component)".to_vec());
    seeds
}
