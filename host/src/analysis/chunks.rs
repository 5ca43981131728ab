//! Which samples a metric is shown at once.
//!
//! A *block* is a fixed number of samples, so that any of them is found without looking at the others; as many as have about 2 MiB of tokens
//! on average, and at most 65 536. Where documents are longer than elsewhere, a block falls into several *chunks*, none over 4 MiB unless a
//! single sample is. So memory is bounded, and nothing has to be stored for 10^9 samples.

use std::{borrow::Cow, ops::Range};

use crate::{
    Error, Result,
    dataset::{Dataset, first_outside},
    plugin::Samples,
};

/// Bytes of tokens of a block, on average over the dataset. Enough that partial results as large as a vocabulary cost little beside the
/// tokens; few enough that a metric of 50 µs a token keeps its deadline of a minute, and that Ctrl-C is heard.
const BLOCK_BYTES: u64 = 2 << 20;
/// Bytes of tokens of a chunk.
const CHUNK_BYTES: u64 = 4 << 20;
/// Samples of a block.
const BLOCK_SAMPLES: u64 = 1 << 16;

/// A dataset in blocks.
#[derive(Clone, Debug)]
pub(super) struct Blocks<'a> {
    dataset: &'a Dataset,
    samples_each: u64,
    chunk_tokens: u64,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(dataset: &'a Dataset) -> Blocks<'a> {
        Blocks::of(dataset, BLOCK_BYTES, CHUNK_BYTES)
    }

    pub(super) fn of(dataset: &'a Dataset, block_bytes: u64, chunk_bytes: u64) -> Blocks<'a> {
        let width = dataset.token_type().width() as u64;
        let mean = match dataset.fixed_len() {
            Some(len) => u64::from(len),
            None => dataset.n_tokens() / dataset.len().max(1),
        };
        let samples_each = (block_bytes / mean.saturating_mul(width).max(1)).clamp(1, BLOCK_SAMPLES);
        Blocks { dataset, samples_each, chunk_tokens: chunk_bytes / width }
    }

    pub(super) fn dataset(&self) -> &'a Dataset {
        self.dataset
    }

    /// Number of blocks; at least 1.
    pub(super) fn len(&self) -> u64 {
        self.dataset.len().div_ceil(self.samples_each)
    }

    /// Samples in the first `n` blocks.
    pub(super) fn samples_in(&self, n: u64) -> u64 {
        n.saturating_mul(self.samples_each).min(self.dataset.len())
    }

    fn ids(&self, block: u64) -> Range<u64> {
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
    /// Shows the chunks of a block in order, and counts its tokens.
    pub(super) fn read(
        &mut self,
        blocks: &Blocks<'_>,
        block: u64,
        depth: Depth,
        mut show: impl FnMut(&Samples<'_>) -> Result<()>,
    ) -> Result<u64> {
        let dataset = blocks.dataset;
        self.ids.clear();
        self.ids.extend(blocks.ids(block));
        self.lens.clear();
        dataset.sample_lens(&self.ids, &mut self.lens)?;
        let mut first = blocks.ids(block).start;
        let mut rest = self.lens.as_slice();
        let mut n_tokens = 0;
        while !rest.is_empty() {
            let (lens, after) = rest.split_at(chunk(rest, blocks.chunk_tokens, &mut self.offsets));
            let ids = first..first + lens.len() as u64;
            let tokens = match depth {
                Depth::Lengths => Cow::default(),
                Depth::Tokens | Depth::Checked => {
                    let bytes = dataset.consecutive(ids.clone(), lens)?;
                    if depth == Depth::Checked {
                        check(dataset, first, &self.offsets, &bytes)?;
                    }
                    narrow(dataset, bytes)
                }
            };
            let width = dataset.token_type().width().min(4) as u8;
            show(&Samples { first, width, tokens: &tokens, offsets: &self.offsets })?;
            n_tokens += u64::from(self.offsets.last().copied().unwrap_or(0));
            (first, rest) = (ids.end, after);
        }
        Ok(n_tokens)
    }
}

/// Number of samples of the next chunk, at least 1, and their offsets: as many as have `most` tokens, whose sum fits 32 bits.
fn chunk(lens: &[u32], most: u64, offsets: &mut Vec<u32>) -> usize {
    let most = most.min(u64::from(u32::MAX));
    offsets.clear();
    offsets.push(0);
    let mut end = 0u32;
    for len in lens {
        let next = end.checked_add(*len).filter(|next| offsets.len() == 1 || u64::from(*next) <= most);
        let Some(next) = next else { break };
        offsets.push(next);
        end = next;
    }
    offsets.len() - 1
}

fn check(dataset: &Dataset, first: u64, offsets: &[u32], bytes: &[u8]) -> Result<()> {
    let token_type = dataset.token_type();
    let limit = match token_type.width() {
        8 => Some(dataset.vocab_size().unwrap_or(u64::MAX).min(1 << 32)),
        _ => dataset.vocab_size(),
    };
    if limit.is_none() && !token_type.is_signed() {
        return Ok(());
    }
    let Some((at, token)) = first_outside(token_type, bytes, limit) else { return Ok(()) };
    // The sample is the last one that begins at or before the token; empty ones begin there too and come before it.
    let sample = offsets.partition_point(|offset| *offset as usize <= at).saturating_sub(1);
    let place = at - offsets.get(sample).map_or(0, |offset| *offset as usize);
    let expected = match dataset.vocab_size() {
        Some(vocab_size) if token >= 0 && token >= i128::from(vocab_size) => format!("the vocabulary has {vocab_size}"),
        _ if token < 0 => "a token id is not negative".to_owned(),
        _ => "metrics are given token ids of 32 bits".to_owned(),
    };
    let problem = format!("sample {}, token {place}: the token id is {token}, and {expected}", first + sample as u64);
    Err(Error::dataset(dataset.path(), problem, "check the vocabulary size and the token type, or tokenize again"))
}

/// Tokens of 8 bytes, which were found to fit 4, as such. Tokens that are not negative look the same signed and unsigned.
fn narrow<'a>(dataset: &Dataset, bytes: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
    if dataset.token_type().width() != 8 {
        return bytes;
    }
    Cow::Owned(bytes.as_chunks::<8>().0.iter().flat_map(|&[a, b, c, d, ..]| [a, b, c, d]).collect())
}
