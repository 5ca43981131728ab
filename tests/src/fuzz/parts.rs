//! What a machine made of its part of an analysis.

use std::fs;

use curricle::{
    analysis::{self, Options, Part},
    plugin::{Limits, MetricPlugin},
};

use super::scratch;
use crate::{Corpus, plugin};

/// Metrics of both rounds, one that only measures and one that passes over the data first, and what the file of a part is called in them.
const METRICS: [(&str, &str); 2] = [("seqlen", "values.part-1-of-1"), ("vocab-frequency", "pass-1.part-1-of-1")];

thread_local! {
    static CORPUS: Corpus = Corpus::new(30);
    static PLUGINS: [MetricPlugin; 2] = METRICS.map(|(name, _)| {
        MetricPlugin::load(name, &plugin(name), &serde_json::Value::Null, &Limits::default()).expect("a metric")
    });
}

/// The only part of an analysis, handed to whoever merges; the first byte says by which metric.
pub(super) fn part(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let folder = scratch::folder("merge");
    let target = folder.join("values.arrow");
    let parts = folder.join("values.arrow.parts");
    fs::create_dir(&parts).expect("a folder");
    with(*which, |corpus, metric, name| {
        fs::write(parts.join(name), data).expect("a part");
        let _ = analysis::merge(&corpus.dataset(), metric, &target, &Options::default());
    });
}

fn with<T>(which: u8, f: impl FnOnce(&Corpus, &MetricPlugin, &str) -> T) -> T {
    let which = usize::from(which) % METRICS.len();
    CORPUS.with(|corpus| PLUGINS.with(|plugins| f(corpus, &plugins[which], METRICS[which].1)))
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for which in 0..METRICS.len() as u8 {
        let target = scratch::folder("seeds").join("values.arrow");
        with(which, |corpus, metric, name| {
            let part = Part::new(1, 1).expect("a part");
            let options = Options { part: Some(part), threads: 1, ..Options::default() };
            let report = analysis::analyze(&corpus.dataset(), metric, &target, &options).expect("a part");
            if let analysis::Outcome::Part(part) = report.outcome {
                assert!(part.path.ends_with(name), "`part` gives its file another name than `{}`", part.path.display());
                seeds.push([&[which], &scratch::read(part.path)[..]].concat());
            }
        });
    }
    seeds
}
