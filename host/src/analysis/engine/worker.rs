//! Who goes over samples where they are.

use std::{borrow::Cow, ops::Range};

use super::{
    super::{
        chunks::Blocks,
        goal::{Goal, digest},
        mark::{Mark, Marking},
        outline::Outline,
        shown::{begin, check, extend, resize, shown_width},
        tree::{Joined, Tree},
        values::bytes_of,
    },
    finding::{Content, Finding, Head},
};
use crate::{
    Error, Result,
    columns::ValueType,
    dataset::TokenType,
    plugin::{Metric, MetricPlugin, Samples},
};

/// Consecutive samples, as somebody else has them.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Id of the first sample.
    pub first: u64,
    /// Number of tokens of each.
    pub lens: &'a [u32],
    /// What the tokens are made of here, which need not be what they are made of in the dataset's files.
    pub token_type: TokenType,
    /// The tokens of all of them, end to end, little-endian; none where only lengths are at hand, which is enough for a metric that reads no
    /// tokens.
    pub tokens: Option<&'a [u8]>,
}

/// One instance of a metric, for one round over the samples.
#[derive(Debug)]
pub struct Worker {
    metric: Metric,
    blocks: Blocks,
    /// What every finding begins with.
    head: Head,
    passes: u32,
    reads_tokens: bool,
    span: Span,
}

/// The blocks that are gone over, and how far.
#[derive(Debug)]
struct Span {
    blocks: Range<u64>,
    /// The block that comes next, or is under way.
    block: u64,
    /// The sample that comes next.
    next: u64,
    /// The chunk in the making: offsets of its samples, and its tokens where they did not come at once.
    offsets: Vec<u32>,
    waiting: Vec<u8>,
    /// Partial results of the block's chunks.
    joined: Joined,
    marking: Marking,
    tree: Tree,
    values: Vec<u8>,
    value_type: Option<ValueType>,
    marks: Vec<Mark>,
}

impl Span {
    fn new(blocks: Range<u64>, first: u64, round: u32) -> Span {
        Span {
            block: blocks.start,
            tree: Tree::restore(round, Vec::new(), blocks.start),
            blocks,
            next: first,
            offsets: vec![0],
            waiting: Vec::new(),
            joined: Joined::default(),
            marking: Marking::default(),
            values: Vec::new(),
            value_type: None,
            marks: Vec::new(),
        }
    }
}

impl Worker {
    /// A worker for the round after the passes whose results are `merged`, as [`Collector::merged`](super::Collector::merged) has them.
    ///
    /// # Errors
    /// [`Error::Plugin`] if the metric refuses its configuration or a result; [`Error::Data`] if there are more results than passes.
    pub fn new(plugin: &MetricPlugin, outline: &Outline, merged: &[Vec<u8>]) -> Result<Worker> {
        Worker::in_blocks(plugin, Blocks::new(outline.clone()), merged)
    }

    /// As [`new`](Worker::new), with blocks of any size.
    pub(in super::super) fn in_blocks(plugin: &MetricPlugin, blocks: Blocks, merged: &[Vec<u8>]) -> Result<Worker> {
        let mut metric = plugin.instantiate()?;
        let (needs, round) = (metric.needs(), merged.len() as u32);
        if round > needs.passes || (round == needs.passes && !needs.values) {
            let problem = format!("there are results of {round} passes, and metric `{}` makes {}", plugin.description().name, needs.passes);
            return Err(Error::data(problem, "give a worker what the collector of the same metric has"));
        }
        (0..).zip(merged).try_for_each(|(pass, result)| metric.finish(pass, result))?;
        let provenance = Goal::provenance(blocks.outline(), plugin);
        let head = Head::new(provenance, round, digest(merged));
        let span = Span::new(0..0, 0, round);
        Ok(Worker { metric, blocks, head, passes: needs.passes, reads_tokens: needs.tokens, span })
    }

    /// Begins with a span of blocks; what was under way is forgotten. The fewer spans, the less is to be sent; best are those that begin and end
    /// at multiples of a power of four.
    ///
    /// # Errors
    /// [`Error::Data`] if there are no such blocks.
    pub fn begin(&mut self, blocks: Range<u64>) -> Result<()> {
        if blocks.is_empty() || blocks.end > self.blocks.len() {
            let problem = format!("there are no blocks {} to {}, there are {}", blocks.start, blocks.end, self.blocks.len());
            return Err(Error::data(problem, "blocks count from 0, and a span has at least one"));
        }
        let first = self.blocks.samples_in(blocks.start);
        self.span = Span::new(blocks, first, self.head.round);
        Ok(())
    }

    /// Ids of the samples of a span of blocks.
    pub fn samples_of(&self, blocks: &Range<u64>) -> Range<u64> {
        self.blocks.samples_in(blocks.start)..self.blocks.samples_in(blocks.end)
    }

    /// Id of the sample that is to come next.
    pub fn next(&self) -> u64 {
        self.span.next
    }

    /// Whether the metric reads tokens. If not, lengths are enough.
    pub fn reads_tokens(&self) -> bool {
        self.reads_tokens
    }

    /// Takes the next samples of the span. However they are divided, the finding is the same.
    ///
    /// # Errors
    /// [`Error::Data`] if they are not those that come next, or go over the end of the span; [`Error::Dataset`] if a token is none, or a sample
    /// has not as many tokens as this view gives all of them; [`Error::Plugin`] if the metric fails.
    pub fn feed(&mut self, rows: &Rows<'_>) -> Result<()> {
        self.check(rows)?;
        let width = rows.token_type.width();
        let (mut lens, mut tokens) = (rows.lens, rows.tokens.unwrap_or_default());
        while !lens.is_empty() {
            let ids = self.blocks.ids(self.span.block);
            let left = ids.end.saturating_sub(self.span.next);
            let within = lens.get(..usize::try_from(left).unwrap_or(usize::MAX)).unwrap_or(lens);
            let before = self.span.offsets.len() - 1;
            let n = extend(&mut self.span.offsets, within, self.blocks.chunk_tokens());
            let (taken, rest) = lens.split_at(n);
            let n_bytes = taken.iter().map(|len| *len as usize).sum::<usize>().saturating_mul(width);
            let (bytes, behind) = tokens.split_at_checked(n_bytes).unwrap_or((tokens, &[]));
            let shown = match self.reads_tokens {
                true => {
                    check(self.blocks.outline(), rows.token_type, self.span.next, taken, bytes)?;
                    resize(width, shown_width(self.blocks.outline()), Cow::Borrowed(bytes))
                }
                false => Cow::default(),
            };
            self.span.marking.add(self.span.offsets.get(before..).unwrap_or_default(), self.reads_tokens.then_some(&shown));
            let first = self.span.next.saturating_sub(before as u64);
            self.span.next = self.span.next.saturating_add(n as u64);
            // A chunk is whole when its block ends, or when another sample would be too much.
            if n < within.len() || n as u64 == left {
                if before == 0 {
                    self.show(first, &shown)?;
                } else {
                    let mut waiting = std::mem::take(&mut self.span.waiting);
                    waiting.extend_from_slice(&shown);
                    self.show(first, &waiting)?;
                    waiting.clear();
                    self.span.waiting = waiting;
                }
                begin(&mut self.span.offsets);
            } else {
                self.span.waiting.extend_from_slice(&shown);
            }
            if self.span.next == ids.end {
                self.end_block()?;
            }
            (lens, tokens) = (rest, behind);
        }
        Ok(())
    }

    /// What was found in the span.
    ///
    /// # Errors
    /// [`Error::Data`] if samples of it did not come, or none was begun.
    pub fn finish(&mut self) -> Result<Finding> {
        let samples = self.samples_of(&self.span.blocks);
        if self.span.blocks.is_empty() || self.span.next != samples.end {
            let problem = match self.span.blocks.is_empty() {
                true => "no span of blocks was begun".to_owned(),
                false => format!("the data ends before sample {}, and goes on to sample {}", self.span.next, samples.end - 1),
            };
            return Err(Error::data(problem, "give all samples of the dataset, in order"));
        }
        let Span { blocks, tree, values, value_type, marks, .. } = std::mem::replace(&mut self.span, Span::new(0..0, 0, self.head.round));
        let (content, bytes) = match (self.head.round < self.passes, value_type) {
            (true, _) => {
                let nodes = tree.nodes();
                let sizes = nodes.iter().map(|(place, result)| (*place, result.len() as u64)).collect();
                (Content::Nodes { nodes: sizes }, nodes.into_iter().flat_map(|(_, result)| result).collect())
            }
            (false, value_type) => (Content::Values { value_type: value_type.map(|t| t.to_string()) }, values),
        };
        Ok(Finding { head: Head { blocks: (blocks.start, blocks.end), content, marks, ..self.head.clone() }, content: bytes })
    }

    fn check(&self, rows: &Rows<'_>) -> Result<()> {
        let Span { blocks, next, .. } = &self.span;
        let end = self.blocks.samples_in(blocks.end);
        if rows.first != *next {
            let problem = match rows.first < *next {
                true => format!("sample {} is there a second time, or out of order, where sample {next} is to come", rows.first),
                false => format!("sample {next} is missing: after it comes sample {}", rows.first),
            };
            return Err(Error::data(problem, "give every sample of the dataset once, in order"));
        }
        if rows.lens.len() as u64 > end.saturating_sub(*next) {
            let last = rows.first.saturating_add(rows.lens.len() as u64).saturating_sub(1);
            let problem = format!("samples come up to {last}, and the blocks that were begun end with sample {}", end.saturating_sub(1));
            return Err(Error::data(problem, "give a worker the samples of its span alone"));
        }
        match rows.tokens {
            Some(tokens) => {
                let n_tokens: u64 = rows.lens.iter().map(|len| u64::from(*len)).sum();
                if n_tokens.checked_mul(rows.token_type.width() as u64) != Some(tokens.len() as u64) {
                    let (n, token_type) = (tokens.len(), rows.token_type);
                    let problem = format!("{n} bytes of {token_type} are given for samples of {n_tokens} tokens");
                    return Err(Error::data(problem, "give the tokens of all samples, end to end"));
                }
            }
            None if self.reads_tokens => {
                return Err(Error::data(
                    "lengths alone are given, and the metric reads tokens",
                    "give the tokens of all samples, end to end",
                ));
            }
            None => {}
        }
        let Some(fixed) = self.blocks.outline().fixed_len() else { return Ok(()) };
        match (rows.first..).zip(rows.lens).find(|(_, len)| **len != fixed) {
            Some((sample, len)) => {
                let problem = format!("sample {sample} has {len} tokens where the data is, and {fixed} in this view of the dataset");
                Err(Error::dataset(self.blocks.outline().name(), problem, "give the engine the same view of the same data"))
            }
            None => Ok(()),
        }
    }

    /// Shows the chunk whose offsets are made.
    fn show(&mut self, first: u64, tokens: &[u8]) -> Result<()> {
        let Worker { metric, blocks, head, passes, span, .. } = self;
        let samples = Samples { first, width: shown_width(blocks.outline()) as u8, tokens, offsets: &span.offsets };
        let pass = head.round;
        if pass < *passes {
            metric.accumulate(pass, &samples)?;
            let partial = metric.partial(pass)?;
            return span.joined.push(partial, |group| metric.merge(pass, group));
        }
        let values = metric.measure(&samples)?;
        span.value_type = Some(values.value_type());
        span.values.extend_from_slice(bytes_of(&values));
        Ok(())
    }

    fn end_block(&mut self) -> Result<()> {
        let Worker { metric, head, passes, reads_tokens, span, .. } = self;
        let pass = head.round;
        span.marks.push(span.marking.take(*reads_tokens));
        span.block += 1;
        if pass < *passes {
            let result = std::mem::take(&mut span.joined).finish(|group| metric.merge(pass, group))?;
            span.tree.grow(result, |group| metric.merge(pass, group))?;
        }
        Ok(())
    }
}
