//! What crosses the network where an engine hands out the samples: what workers found, and the outline of the dataset.

use std::{ops::Range, path::PathBuf};

use curricle::{
    analysis::{
        Outline,
        engine::{Collector, Finding, Opening, Rows, Worker},
    },
    plugin::{Limits, MetricPlugin},
};

use super::scratch;
use crate::{Corpus, plugin};

/// Metrics of both kinds of findings: values, and a partial result.
const METRICS: [&str; 2] = ["seqlen", "vocab-frequency"];

thread_local! {
    static CORPUS: Corpus = Corpus::new(30);
    static PLUGINS: [MetricPlugin; 2] = METRICS.map(|name| {
        MetricPlugin::load(name, &plugin(name), &serde_json::Value::Null, &Limits::default()).expect("a metric")
    });
}

/// All that was found in a round, handed to the collector; the first byte says by which metric.
pub(super) fn finding(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let Ok(finding) = Finding::from_bytes(data) else { return };
    assert_eq!(Finding::from_bytes(&finding.to_bytes()).expect("what was written"), finding);
    with(*which, |outline, metric| {
        let Ok(Opening::Begun(mut collector)) = Collector::open(metric, outline, &target(), true) else { return };
        if collector.add(&finding).is_ok() {
            assert!(collector.add(&finding).is_err(), "a finding counts twice");
            let _ = collector.finish_round();
        }
    });
}

pub(super) fn finding_seeds() -> Vec<Vec<u8>> {
    let of = |which: u8| {
        let found = with(which, |outline, metric| {
            let mut worker = Worker::new(metric, outline, &[]).expect("a worker");
            find(outline, &mut worker, 0..outline.n_blocks()).expect("a finding")
        });
        [&[which], &found.to_bytes()[..]].concat()
    };
    (0..METRICS.len() as u8).map(of).collect()
}

/// An outline, by which a worker and a collector begin.
pub(super) fn outline(data: &[u8]) {
    let Ok(outline) = str::from_utf8(data).map_err(drop).and_then(|json| Outline::from_json(json).map_err(drop)) else { return };
    assert_eq!(Outline::from_json(&outline.to_json()).expect("what was written"), outline);
    assert!(outline.n_blocks() >= 1 && (1..=1 << 16).contains(&outline.samples_per_block()));
    with(0, |corpus, metric| {
        let mut worker = Worker::new(metric, &outline, &[]).expect("a worker");
        let found = find(corpus, &mut worker, 0..1);
        let Ok(Opening::Begun(mut collector)) = Collector::open(metric, &outline, &target(), true) else { return };
        if let Some(found) = found {
            let _ = collector.add(&found);
        }
        let _ = collector.finish_round();
    });
}

pub(super) fn outline_seeds() -> Vec<Vec<u8>> {
    vec![with(0, |outline, _| outline.to_json().into_bytes())]
}

/// What a worker finds in blocks whose samples are the corpus's, if those are what it wants.
fn find(corpus: &Outline, worker: &mut Worker, blocks: Range<u64>) -> Option<Finding> {
    worker.begin(blocks.clone()).ok()?;
    let samples = worker.samples_of(&blocks);
    let dataset = CORPUS.with(Corpus::dataset);
    let ids: Vec<u64> = (samples.start..samples.end.min(corpus.len())).collect();
    let tokens = dataset.samples(&ids).ok()?;
    let lens: Vec<u32> = tokens.iter().map(|tokens| tokens.len() as u32).collect();
    let bytes: Vec<u8> = tokens.iter().flat_map(|tokens| tokens.bytes()).copied().collect();
    worker.feed(&Rows { first: samples.start, lens: &lens, token_type: dataset.token_type(), tokens: Some(&bytes) }).ok()?;
    worker.finish().ok()
}

fn target() -> PathBuf {
    scratch::folder("collected").join("m.arrow")
}

fn with<T>(which: u8, f: impl FnOnce(&Outline, &MetricPlugin) -> T) -> T {
    let outline = CORPUS.with(|corpus| Outline::of(&corpus.dataset())).expect("an outline");
    PLUGINS.with(|plugins| f(&outline, &plugins[usize::from(which) % METRICS.len()]))
}
