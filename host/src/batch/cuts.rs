//! Micro-batches of different sizes: where the order of a global batch is cut.

use std::ops::Range;

/// Where a global batch is cut into micro-batches, which hold as many samples as a budget of tokens allows.
///
/// Accumulation step a of rank r of R takes micro-batch a · R + r. So ranks only share them out, and their number changes no micro-batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    ends: Vec<u32>,
    pad_to: Option<u32>,
}

impl Cuts {
    /// Micro-batches of so many samples each, in the order of the batch. `pad_to` is what padded rows are filled up to on every rank, where
    /// all micro-batches are to have one shape.
    pub(crate) fn new(sizes: impl IntoIterator<Item = usize>, pad_to: Option<u32>) -> Cuts {
        let mut end = 0u32;
        let ends = sizes
            .into_iter()
            .map(|size| {
                // A global batch has less than 2^32 samples.
                end += size as u32;
                end
            })
            .collect();
        Cuts { ends, pad_to }
    }

    /// Number of micro-batches, over all ranks.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Places of micro-batch `i` in the order of the batch; empty beyond the last.
    pub fn places(&self, i: usize) -> Range<usize> {
        let end = |i: usize| self.ends.get(i).map(|&end| end as usize);
        let start = if i == 0 { Some(0) } else { end(i - 1) };
        start.zip(end(i)).map_or(0..0, |(start, end)| start..end)
    }

    /// Tokens of every padded row of the step, where all are to be of one length.
    pub fn pad_to(&self) -> Option<u32> {
        self.pad_to
    }

    pub(super) fn ends(&self) -> &[u32] {
        &self.ends
    }
}
