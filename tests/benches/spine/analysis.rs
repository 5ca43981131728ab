//! Metric plugins: against the same Rust code compiled natively, and over threads.

use std::{fs, time::Duration};

use anyhow::Result;
use curricle::{
    analysis::{Options, analyze as analyze_column},
    dataset::Dataset,
    plugin::{self, Limits, MetricPlugin, Samples},
};
use curricle_guest as guest;
use curricle_tests::bench::{
    Row, data,
    timing::{medians, pretty},
};

fn load(metric: &str) -> Result<MetricPlugin> {
    Ok(MetricPlugin::load(metric, &plugin::find(metric)?, &serde_json::json!({}), &Limits::default())?)
}

/// Analyzes into a folder that is emptied first.
pub(crate) fn analyze(dataset: &Dataset, metric: &str, threads: usize) -> Result<()> {
    let folder = data::folder()?.join(format!("analyze-{threads}"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let target = folder.join(format!("{metric}.arrow"));
    analyze_column(dataset, &load(metric)?, &target, &Options { threads, ..Options::default() })?;
    Ok(())
}

/// A chunk of samples, as the host hands it to a plugin and as native code takes it.
struct Chunk {
    width: u8,
    tokens: Vec<u8>,
    offsets: Vec<u32>,
    native: guest::Samples,
}

impl Chunk {
    fn samples(&self) -> Samples<'_> {
        Samples { first: 0, width: self.width, tokens: &self.tokens, offsets: &self.offsets }
    }
}

/// Chunks of a mebitoken each: more of them than a cache holds, so that both sides read their tokens from memory.
fn chunks(dataset: &Dataset, n: usize) -> Result<Vec<Chunk>> {
    let width = dataset.token_type().width() as u8;
    let mut chunks = Vec::new();
    let mut id = 0;
    while chunks.len() < n {
        let (mut tokens, mut offsets) = (Vec::new(), vec![0]);
        while offsets.last().is_some_and(|&end| end < 1 << 20) && id < dataset.len() {
            let sample = dataset.sample(id)?;
            offsets.push(offsets.last().copied().unwrap_or(0) + sample.len() as u32);
            tokens.extend_from_slice(sample.bytes());
            id += 1;
        }
        let native = guest::Samples::new(0, width, tokens.clone(), offsets.clone()).map_err(failed)?;
        chunks.push(Chunk { width, tokens, offsets, native });
    }
    Ok(chunks)
}

fn failed(error: guest::Error) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

/// The plugin in its sandbox: accumulate all chunks where it asks for passes, then measure them.
fn in_sandbox(metric: &mut plugin::Metric, chunks: &[Chunk]) -> Result<usize> {
    for pass in 0..metric.needs().passes {
        for chunk in chunks {
            metric.accumulate(pass, &chunk.samples())?;
        }
        let partial = metric.partial(pass)?;
        let merged = metric.merge(pass, &[partial])?;
        metric.finish(pass, &merged)?;
    }
    let mut n = 0;
    for chunk in chunks {
        n += metric.measure(&chunk.samples())?.len();
    }
    Ok(n)
}

/// The same crate, compiled for this machine.
fn native<M: guest::Metric>(metric: &mut M, chunks: &[Chunk]) -> Result<usize> {
    for pass in 0..M::NEEDS.passes {
        for chunk in chunks {
            metric.accumulate(pass, &chunk.native).map_err(failed)?;
        }
        let partial = metric.partial(pass);
        let merged = metric.merge(pass, &[partial]).map_err(failed)?;
        metric.finish(pass, &merged).map_err(failed)?;
    }
    let mut n = 0;
    for chunk in chunks {
        n += n_values(&metric.measure(&chunk.native).map_err(failed)?);
    }
    Ok(n)
}

fn compare<M: guest::Metric>(name: &str, config: M::Config, chunks: &[Chunk]) -> Result<Row> {
    let mut sandboxed = load(name)?.instantiate()?;
    let mut plain = M::configure(config).map_err(failed)?;
    let (inside, outside) = medians(11, || in_sandbox(&mut sandboxed, chunks).ok(), || native(&mut plain, chunks).ok());
    let tokens: u64 = chunks.iter().filter_map(|chunk| chunk.offsets.last()).map(|&n| u64::from(n)).sum();
    Ok(row(name, inside, outside, tokens))
}

pub(crate) fn plugin_against_native() -> Result<Vec<Row>> {
    let dataset = Dataset::open(data::documents(200_000, 64, 1024)?)?;
    let chunks = chunks(&dataset, 64)?;
    let config = serde_json::from_value(serde_json::json!({}))?;
    Ok(vec![lengths()?, compare::<vocab_rarity::VocabRarity>("vocab-rarity", config, &chunks)?])
}

/// `seqlen` sees offsets and no token, so its work is that of reading the lengths: both sides read them from the dataset.
fn lengths() -> Result<Row> {
    const CHUNK: u64 = 65_536;
    let dataset = Dataset::open(data::documents(10_000_000, 4, 12)?)?;
    let offsets = |first: u64| -> Result<Vec<u32>> {
        let ids: Vec<u64> = (first..dataset.len().min(first + CHUNK)).collect();
        let (mut lengths, mut offsets) = (Vec::new(), vec![0]);
        dataset.sample_lens(&ids, &mut lengths)?;
        let mut end = 0;
        offsets.extend(lengths.iter().map(|n| {
            end += n;
            end
        }));
        Ok(offsets)
    };
    let firsts = || (0..dataset.len()).step_by(CHUNK as usize);
    let mut sandboxed = load("seqlen")?.instantiate()?;
    let mut plain = <seqlen::SeqLen as guest::Metric>::configure(serde_json::from_value(serde_json::json!({}))?).map_err(failed)?;
    let inside = || -> Result<usize> {
        firsts().map(|first| Ok(sandboxed.measure(&Samples { first, width: 2, tokens: &[], offsets: &offsets(first)? })?.len())).sum()
    };
    let outside = || -> Result<usize> {
        let measure = |first| {
            let samples = guest::Samples::new(first, 2, Vec::new(), offsets(first)?).map_err(failed)?;
            Ok(n_values(&guest::Metric::measure(&mut plain, &samples).map_err(failed)?))
        };
        firsts().map(measure).sum()
    };
    let (inside, outside) = medians(9, inside, outside);
    Ok(row("seqlen", inside, outside, dataset.n_tokens()))
}

fn n_values(values: &guest::Values) -> usize {
    match values {
        guest::Values::F32(v) => v.len(),
        guest::Values::F64(v) => v.len(),
        guest::Values::U32(v) => v.len(),
        guest::Values::U64(v) => v.len(),
    }
}

fn row(name: &str, inside: Duration, outside: Duration, tokens: u64) -> Row {
    let ratio = outside.as_secs_f64() / inside.as_secs_f64();
    let rate = tokens as f64 / inside.as_secs_f64() / 1e9;
    Row {
        work: format!("metric plugin `{name}` against the same Rust code native, one thread, sandbox on"),
        measured: format!("{ratio:.2} of its tokens/s ({rate:.1} G tokens/s)"),
        target: "≥ 0.85",
        met: ratio >= 0.85,
    }
}

pub(crate) fn two_threads_against_one() -> Result<Vec<Row>> {
    let dataset = Dataset::open(data::documents(1_000_000, 64, 1024)?)?;
    let (one, two) = medians(5, || analyze(&dataset, "vocab-rarity", 1).is_ok(), || analyze(&dataset, "vocab-rarity", 2).is_ok());
    let ratio = one.as_secs_f64() / two.as_secs_f64();
    Ok(vec![Row {
        work: "analyze with two threads against one (vocab-rarity, 545 M tokens, writing and sorting included)".into(),
        measured: format!("{ratio:.2} × ({} against {})", pretty(two), pretty(one)),
        target: "≥ 1.8 ×",
        met: ratio >= 1.8,
    }])
}
