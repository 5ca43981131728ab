//! What does a rank get? A plan names samples; here they are cut by rank and micro-batch and their tokens copied into place.

mod plan;
mod shape;
mod pieces;
mod cuts;
mod buffer;
mod assemble;
mod room;

use std::{fmt, sync::Arc};

pub(crate) use self::{assemble::Assembler, buffer::Pool};
pub use self::{
    assemble::{Arrangement, Overlong, Pack},
    buffer::TokenBuffer,
    cuts::Cuts,
    pieces::{Keep, Pieces},
    plan::{Draw, Plan, Refusal},
    room::{Room, Rooms},
    shape::Shape,
};
use crate::hex;

/// Identity of a global batch: equal on every rank, and in every run with the same data, plugin, configuration and seed.
///
/// The XXH3-128 of step, ids, truncation, annotations, pieces and cuts; [`Plan::digest`] has the layout. It finds ranks that went apart; it does not
/// withstand somebody who looks for collisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What one rank gets for one step.
#[derive(Debug)]
pub struct Batch {
    /// Number of the global batch, from 0.
    pub step: u64,
    /// Identity of the global batch, for ranks to compare.
    pub digest: Digest,
    /// What the policy puts beside the batch: a difficulty, a learning-rate factor.
    pub annotations: Vec<(String, f64)>,
    /// Names of the columns in [`MicroBatch::values`].
    pub value_names: Arc<[String]>,
    /// One for each gradient accumulation step; of the last batch of a run perhaps fewer, equally many on every rank. Under a budget of
    /// tokens they have different numbers of samples.
    pub micro_batches: Vec<MicroBatch>,
}

impl Batch {
    /// Ids of all samples of this rank, in order.
    pub fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.micro_batches.iter().flat_map(|m| m.ids.iter().copied())
    }
}

/// The samples of one forward pass on one rank.
#[derive(Debug)]
pub struct MicroBatch {
    /// Sample ids; the other lists go in the same order. A sample that fell into [`Pieces`] has an entry for each. There may be none, where
    /// the last batch of a run has fewer samples than there are ranks.
    pub ids: Vec<u64>,
    /// Tokens of each sample, after truncation and without padding.
    pub lengths: Vec<u32>,
    /// Where in `tokens` each sample begins, counted in tokens.
    pub starts: Vec<u64>,
    /// Rows and columns of `tokens`. Packed: one row that holds everything.
    pub shape: [usize; 2],
    /// The tokens, row by row, of the dataset's type.
    pub tokens: TokenBuffer,
    /// Values of the columns asked for: `values[c][i]` is that of sample i in column c.
    pub values: Vec<Vec<f64>>,
}

impl MicroBatch {
    /// Row of each sample.
    pub fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        let columns = self.shape[1].max(1) as u64;
        self.starts.iter().map(move |start| (start / columns) as usize)
    }

    /// The tokens of sample `i` of the micro-batch, as bytes; `None` beyond the last.
    pub fn sample(&self, i: usize) -> Option<&[u8]> {
        let width = self.tokens.token_type().width();
        let start = *self.starts.get(i)? as usize * width;
        self.tokens.bytes().get(start..start + *self.lengths.get(i)? as usize * width)
    }

    /// Packed batches: the offsets of the samples with the end behind them, as variable-length attention kernels take them (`cu_seqlens`).
    pub fn offsets(&self) -> Vec<u64> {
        let end = self.starts.last().zip(self.lengths.last()).map_or(0, |(start, n)| start + u64::from(*n));
        self.starts.iter().copied().chain([end]).collect()
    }
}
