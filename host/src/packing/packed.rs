//! Micro-batches of samples, without a list for each.

use std::ops::Range;

/// Micro-batches in the order in which they are trained on, and what is in none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// The samples, one micro-batch after another.
    pub(super) order: Vec<u32>,
    /// Where each micro-batch ends in `order`.
    pub(super) ends: Vec<u32>,
    /// Tokens of the longest sample of each micro-batch.
    pub(super) longest: Vec<u32>,
    pub(super) per_step: u32,
    pub(super) left_out: Vec<LeftOut>,
}

/// A sample that is in no micro-batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its place in the list of lengths.
    pub sample: u32,
    /// Why.
    pub reason: Reason,
}

/// Why a sample is in no micro-batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It alone has more tokens than a micro-batch may have.
    TooLong,
    /// With as many of its neighbours as a micro-batch needs at least there are too many tokens, or too few neighbours are left.
    TooFew,
    /// The micro-batch that it was in is one of the last, which do not fill a step.
    LastStep,
}

impl Packed {
    /// Number of micro-batches.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The samples of each micro-batch, as places in the list of lengths.
    pub fn micro_batches(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|i| self.micro_batch(i).unwrap_or_default())
    }

    /// The samples of micro-batch `i`; `None` beyond the last.
    pub fn micro_batch(&self, i: usize) -> Option<&[u32]> {
        self.order.get(self.range(i..i + 1)?)
    }

    /// Tokens of the longest sample of micro-batch `i`; `None` beyond the last.
    pub fn longest(&self, i: usize) -> Option<u32> {
        self.longest.get(i).copied()
    }

    /// Number of steps; the last may have fewer micro-batches than the others.
    pub fn steps(&self) -> usize {
        self.len().div_ceil(self.per_step.max(1) as usize)
    }

    /// The micro-batches of step `i`, by number; empty beyond the last.
    pub fn step(&self, i: usize) -> Range<usize> {
        let per_step = self.per_step.max(1) as usize;
        let start = i.saturating_mul(per_step).min(self.len());
        start..start.saturating_add(per_step).min(self.len())
    }

    /// Samples of step `i`, over all its micro-batches: what its learning rate depends on.
    pub fn step_samples(&self, i: usize) -> u32 {
        self.range(self.step(i)).map_or(0, |range| (range.end - range.start) as u32)
    }

    /// Tokens of the longest sample of step `i`: what every micro-batch is padded to where all have to be of one shape.
    pub fn step_longest(&self, i: usize) -> u32 {
        self.longest.get(self.step(i)).unwrap_or_default().iter().copied().max().unwrap_or(0)
    }

    /// The samples that are in no micro-batch, in the order in which that turned out.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Where these micro-batches lie in `order`.
    fn range(&self, micro_batches: Range<usize>) -> Option<Range<usize>> {
        let end_of = |i: usize| self.ends.get(i).map(|&end| end as usize);
        let start = if micro_batches.start == 0 { 0 } else { end_of(micro_batches.start - 1)? };
        let end = if micro_batches.end == 0 { 0 } else { end_of(micro_batches.end - 1)? };
        Some(start..end.max(start))
    }

    /// Ends a micro-batch with what was pushed to `order` since the last.
    pub(super) fn end(&mut self, longest: u32) {
        // No more samples than lengths, which are counted in 32 bits.
        self.ends.push(self.order.len() as u32);
        self.longest.push(longest);
    }

    /// Takes the micro-batches out that do not fill a step.
    pub(super) fn drop_last(&mut self) {
        let kept = self.len() - self.len() % self.per_step.max(1) as usize;
        let end = if kept == 0 { 0 } else { self.ends.get(kept - 1).map_or(0, |&end| end as usize) };
        self.left_out.extend(self.order.drain(end..).map(|sample| LeftOut { sample, reason: Reason::LastStep }));
        self.ends.truncate(kept);
        self.longest.truncate(kept);
    }
}
