//! Which samples a metric is shown at once.
//!
//! A *block* is a fixed number of samples, so that any of them is found without looking at the others; as many as have about 2 MiB of tokens
//! on average, and at most 65 536. Where documents are longer than elsewhere, a block falls into several *chunks*, none over 4 MiB unless a
//! single sample is. So memory is bounded, and nothing has to be stored for 10^9 samples.

use std::{borrow::Cow, ops::Range};

use super::{
    outline::Outline,
    shown::{begin, check, extend, resize, shown_width},
};
use crate::{Result, dataset::Dataset, plugin::Samples};

/// Bytes of tokens of a block, on average over the dataset. Enough that partial results as large as a vocabulary cost little beside the
/// tokens; few enough that a metric of 50 µs a token keeps its deadline of a minute, and that Ctrl-C is heard.
const BLOCK_BYTES: u64 = 2 << 20;
/// Bytes of tokens of a chunk.
const CHUNK_BYTES: u64 = 4 << 20;
/// Samples of a block.
const BLOCK_SAMPLES: u64 = 1 << 16;

/// A dataset in blocks. Of its samples nothing is read: their bounds follow from the outline alone.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    outline: Outline,
    samples_each: u64,
    chunk_tokens: u64,
}

impl Blocks {
    pub(super) fn new(outline: Outline) -> Blocks {
        Blocks::of(outline, BLOCK_BYTES, CHUNK_BYTES)
    }

    pub(super) fn of(outline: Outline, block_bytes: u64, chunk_bytes: u64) -> Blocks {
        let width = outline.token_type().width() as u64;
        let mean = match outline.fixed_len() {
            Some(len) => u64::from(len),
            None => outline.n_tokens() / outline.len().max(1),
        };
        let samples_each = (block_bytes / mean.saturating_mul(width).max(1)).clamp(1, BLOCK_SAMPLES);
        Blocks { outline, samples_each, chunk_tokens: chunk_bytes / width }
    }

    pub(super) fn outline(&self) -> &Outline {
        &self.outline
    }

    /// Number of blocks; at least 1.
    pub(super) fn len(&self) -> u64 {
        self.outline.len().div_ceil(self.samples_each)
    }

    /// Samples of a block, but for the last one.
    pub(super) fn samples_each(&self) -> u64 {
        self.samples_each
    }

    /// Tokens of a chunk of more than one sample, at most.
    pub(super) fn chunk_tokens(&self) -> u64 {
        self.chunk_tokens
    }

    /// Samples in the first `n` blocks.
    pub(super) fn samples_in(&self, n: u64) -> u64 {
        n.saturating_mul(self.samples_each).min(self.outline.len())
    }

    pub(super) fn ids(&self, block: u64) -> Range<u64> {
        self.samples_in(block)..self.samples_in(block.saturating_add(1))
    }
}

/// What is to be read of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Lengths alone.
    Lengths,
    /// Tokens, which an earlier round has checked.
    Tokens,
    /// Tokens, to be checked: whether they are non-negative, of at most 32 bits and within the vocabulary.
    Checked,
}

/// Reads blocks, one after the other; keeps its room from one to the next.
#[derive(Debug, Default)]
pub(super) struct Reader {
    ids: Vec<u64>,
    lens: Vec<u32>,
    offsets: Vec<u32>,
}

impl Reader {
    /// Shows the chunks of a block of the dataset in order, and counts its tokens.
    pub(super) fn read(
        &mut self,
        dataset: &Dataset,
        blocks: &Blocks,
        block: u64,
        depth: Depth,
        mut show: impl FnMut(&Samples<'_>) -> Result<()>,
    ) -> Result<u64> {
        self.ids.clear();
        self.ids.extend(blocks.ids(block));
        self.lens.clear();
        dataset.sample_lens(&self.ids, &mut self.lens)?;
        let (outline, token_type) = (blocks.outline(), dataset.token_type());
        let mut first = blocks.ids(block).start;
        let mut rest = self.lens.as_slice();
        let mut n_tokens = 0;
        while !rest.is_empty() {
            begin(&mut self.offsets);
            let (lens, after) = rest.split_at(extend(&mut self.offsets, rest, blocks.chunk_tokens));
            let ids = first..first + lens.len() as u64;
            let tokens = match depth {
                Depth::Lengths => Cow::default(),
                Depth::Tokens | Depth::Checked => {
                    let bytes = dataset.consecutive(ids.clone(), lens)?;
                    if depth == Depth::Checked {
                        check(outline, token_type, first, lens, &bytes)?;
                    }
                    resize(token_type.width(), shown_width(outline), bytes)
                }
            };
            show(&Samples { first, width: shown_width(outline) as u8, tokens: &tokens, offsets: &self.offsets })?;
            n_tokens += u64::from(self.offsets.last().copied().unwrap_or(0));
            (first, rest) = (ids.end, after);
        }
        Ok(n_tokens)
    }
}
