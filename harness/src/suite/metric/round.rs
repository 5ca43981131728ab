//! An analysis in memory, in whatever pieces a check wants.

use curricle::{
    Result,
    columns::Values,
    plugin::{Metric, MetricPlugin},
};

use crate::{
    data::{Lengths, Tokens, noise, token},
    suite::Stop,
};

/// Samples of which some are empty, some long.
pub(super) fn documents(n: usize) -> Vec<Vec<u32>> {
    let length = |i: u64| match noise(i) % 9 {
        0 => 0,
        8 => 300,
        _ => Lengths { from: 1, to: 60 }.of(i),
    };
    (0..n as u64).map(|i| (0..length(i)).map(|t| token(i, t)).collect()).collect()
}

/// The samples in chunks of so many, as the host hands them over.
pub(crate) fn chunk(documents: &[Vec<u32>], width: u8, each: usize) -> Vec<Tokens> {
    let mut first = 0;
    let mut chunks = Vec::new();
    for samples in documents.chunks(each.max(1)) {
        chunks.push(Tokens::of(first, width, samples));
        first += samples.len() as u64;
    }
    chunks
}

/// What an analysis found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// Values as bit patterns and as numbers, by sample.
    pub(crate) values: Vec<Number>,
    pub(crate) totals: Vec<Number>,
}

/// A number with its type; two are equal if every bit is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) value: f64,
    bits: u64,
    pub(crate) of: &'static str,
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.bits == other.bits && self.of == other.of
    }
}

impl Number {
    fn total(value: f64) -> Number {
        Number { value, bits: value.to_bits(), of: "total" }
    }
}

/// Values one by one.
pub(super) fn numbers(values: &Values) -> Vec<Number> {
    match values {
        Values::F32(v) => v.iter().map(|v| Number { value: f64::from(*v), bits: u64::from(v.to_bits()), of: "float32" }).collect(),
        Values::F64(v) => v.iter().map(|v| Number { value: *v, bits: v.to_bits(), of: "float64" }).collect(),
        Values::U32(v) => v.iter().map(|v| Number { value: f64::from(*v), bits: u64::from(*v), of: "uint32" }).collect(),
        Values::U64(v) => v.iter().map(|v| Number { value: *v as f64, bits: *v, of: "uint64" }).collect(),
    }
}

impl Found {
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let values = self.values.iter().enumerate().map(|(i, n)| format!("sample {i}: {} ({}, bits {:x})", n.value, n.of, n.bits));
        values.chain(self.totals.iter().enumerate().map(|(i, n)| format!("total {i}: {} (bits {:x})", n.value, n.bits)))
    }
}

/// How partial results are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// All at once.
    Flat,
    /// One after the other, from the left.
    Left,
    /// One after the other, from the right.
    Right,
    /// Neighbours two by two, again and again.
    Pairs,
}

impl Tree {
    pub(super) const OTHERS: [Tree; 3] = [Tree::Left, Tree::Right, Tree::Pairs];

    pub(super) fn in_words(self) -> &'static str {
        match self {
            Tree::Flat => "all at once",
            Tree::Left => "one by one from the left",
            Tree::Right => "one by one from the right",
            Tree::Pairs => "two by two",
        }
    }

    /// Joins partial results of one pass.
    pub(super) fn join(self, metric: &mut Metric, pass: u32, partials: &[Vec<u8>]) -> Result<Vec<u8>> {
        let mut left = partials.to_vec();
        match self {
            Tree::Flat => return metric.merge(pass, &left),
            Tree::Left => {
                while left.len() > 1 {
                    let pair: Vec<Vec<u8>> = left.drain(..2).collect();
                    left.insert(0, metric.merge(pass, &pair)?);
                }
            }
            Tree::Right => {
                while left.len() > 1 {
                    let pair = left.split_off(left.len() - 2);
                    left.push(metric.merge(pass, &pair)?);
                }
            }
            Tree::Pairs => {
                while left.len() > 1 {
                    left = left.chunks(2).map(|pair| metric.merge(pass, pair)).collect::<Result<_>>()?;
                }
            }
        }
        Ok(left.pop().unwrap_or_default())
    }
}

/// Makes every pass with an instance for each chunk in turn, and gives the two instances that then know all.
pub(super) fn passes(plugin: &MetricPlugin, chunks: &[Tokens], tree: Tree) -> Result<[Metric; 2]> {
    let mut instances = [plugin.instantiate()?, plugin.instantiate()?];
    for pass in 0..instances[0].needs().passes {
        let partials = partials(&mut instances, pass, chunks)?;
        let merged = tree.join(&mut instances[0], pass, &partials)?;
        instances.iter_mut().try_for_each(|metric| metric.finish(pass, &merged))?;
    }
    Ok(instances)
}

/// The partial result of each chunk, from two instances by turns.
pub(super) fn partials(instances: &mut [Metric; 2], pass: u32, chunks: &[Tokens]) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for (i, chunk) in chunks.iter().enumerate() {
        let metric = &mut instances[i % 2];
        metric.accumulate(pass, &chunk.samples(metric.needs().tokens))?;
        found.push(metric.partial(pass)?);
    }
    Ok(found)
}

/// A whole analysis.
pub(crate) fn analyze(plugin: &MetricPlugin, chunks: &[Tokens]) -> Result<Found, Stop> {
    analyze_as(plugin, chunks, Tree::Flat)
}

/// A whole analysis whose partial results are joined in a tree.
pub(super) fn analyze_as(plugin: &MetricPlugin, chunks: &[Tokens], tree: Tree) -> Result<Found, Stop> {
    let mut instances = passes(plugin, chunks, tree)?;
    Ok(found(&mut instances, chunks)?)
}

/// Totals and values, once all passes are made.
pub(super) fn found(instances: &mut [Metric; 2], chunks: &[Tokens]) -> Result<Found> {
    let totals = instances[1].totals()?.into_iter().map(Number::total).collect();
    let mut values = Vec::new();
    if instances[0].needs().values {
        for (i, chunk) in chunks.iter().enumerate() {
            let metric = &mut instances[i % 2];
            values.extend(numbers(&metric.measure(&chunk.samples(metric.needs().tokens))?));
        }
    }
    Ok(Found { values, totals })
}
