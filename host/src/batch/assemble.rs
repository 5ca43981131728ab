//! Copies the tokens of a rank's samples into place.

use std::{fmt, sync::Arc};

use serde::Deserialize;

use super::{MicroBatch, Plan, Pool, Shape};
use crate::{
    Error, Result,
    columns::Column,
    dataset::{Dataset, first_outside},
};

/// How the tokens of a micro-batch lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// End to end.
    Packed,
    /// One sample a row of `to` tokens, or as long as the longest sample, filled up with `fill`.
    Padded {
        /// Tokens of every row; `None` for the longest sample of the micro-batch.
        to: Option<u32>,
        /// The token that fills up.
        fill: u64,
    },
    /// Several samples a row, as a [packer](Pack) arranges them, filled up with `fill`.
    Rows {
        /// Tokens of every row.
        length: u32,
        /// The token that fills up.
        fill: u64,
    },
}

/// What happens to a sample longer than its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlong {
    /// It ends the run: losing data should be somebody's decision.
    #[default]
    Error,
    /// It is cut to the row.
    Cut,
}

/// Arranges samples into rows.
pub trait Pack: Send {
    /// Row of each sample, numbered from 0 without gaps, given its length (1 to `capacity` tokens); no row holds more than `capacity`.
    ///
    /// # Errors
    /// What the packer's plugin fails with.
    fn pack(&mut self, lengths: &[u32], capacity: u32) -> Result<Vec<u32>>;
}

/// Assembles the micro-batches of one rank.
pub(crate) struct Assembler {
    pub(crate) dataset: Dataset,
    pub(crate) shape: Shape,
    pub(crate) arrangement: Arrangement,
    pub(crate) overlong: Overlong,
    pub(crate) values: Vec<Column>,
    pub(crate) packer: Option<Box<dyn Pack>>,
    pub(crate) pool: Arc<Pool>,
}

impl fmt::Debug for Assembler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembler").field("shape", &self.shape).field("arrangement", &self.arrangement).finish_non_exhaustive()
    }
}

impl Assembler {
    /// This rank's part of a finished plan.
    pub(crate) fn assemble(&mut self, plan: &Plan) -> Result<Vec<MicroBatch>> {
        self.shape
            .micro_batches()
            .map(|places| {
                let ids = plan.ids().get(places).unwrap_or_default().to_vec();
                self.micro_batch(ids, plan.truncation())
            })
            .collect()
    }

    fn micro_batch(&mut self, ids: Vec<u64>, truncation: Option<u32>) -> Result<MicroBatch> {
        let mut lengths = Vec::with_capacity(ids.len());
        self.dataset.sample_lens(&ids, &mut lengths)?;
        self.cut(&ids, &mut lengths, truncation)?;

        let (starts, shape) = self.place(&ids, &lengths)?;
        let token_type = self.dataset.token_type();
        let width = token_type.width();
        let n_bytes = shape[0].checked_mul(shape[1]).and_then(|n| n.checked_mul(width)).ok_or_else(|| {
            Error::data(format!("a micro-batch of {} rows of {} tokens", shape[0], shape[1]), "choose a smaller `micro-batch-size`")
        })?;
        let mut tokens = self.pool.take(n_bytes, token_type);
        if let Some(fill) = self.arrangement.fill() {
            let pattern = token_type.encode(fill).ok_or_else(|| {
                Error::config(
                    "batch.pad-token",
                    format!("{fill} is no {} token", token_type.name()),
                    "choose a token that the dataset's type can hold",
                )
            })?;
            fill_gaps(tokens.bytes_mut(), &pattern, &starts, &lengths, width);
        }
        for ((&id, &start), &n) in ids.iter().zip(&starts).zip(&lengths) {
            self.copy(id, n, &mut tokens.bytes_mut()[start as usize * width..][..n as usize * width])?;
        }

        let mut values = Vec::with_capacity(self.values.len());
        for column in &self.values {
            let mut of_column = Vec::with_capacity(ids.len());
            column.values(&ids, &mut of_column)?;
            values.push(of_column);
        }
        Ok(MicroBatch { ids, lengths, starts, shape, tokens, values })
    }

    /// Applies the plan's truncation and the limit of a row.
    fn cut(&self, ids: &[u64], lengths: &mut [u32], truncation: Option<u32>) -> Result<()> {
        let row = self.arrangement.row_length();
        for (&id, n) in ids.iter().zip(lengths) {
            *n = (*n).min(truncation.unwrap_or(u32::MAX));
            match row {
                Some(row) if *n > row && self.overlong == Overlong::Cut => *n = row,
                Some(row) if *n > row => {
                    return Err(Error::data(
                        format!("sample {id} has {n} tokens and a row {row}"),
                        "set `overlong = \"cut\"` in [batch], let the policy truncate, or choose longer rows",
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where each sample begins, and rows and columns of the whole.
    fn place(&mut self, ids: &[u64], lengths: &[u32]) -> Result<(Vec<u64>, [usize; 2])> {
        match self.arrangement {
            Arrangement::Packed => {
                let mut starts = Vec::with_capacity(lengths.len());
                let mut end = 0;
                for &n in lengths {
                    starts.push(end);
                    end += u64::from(n);
                }
                Ok((starts, [1, end as usize]))
            }
            Arrangement::Padded { to, .. } => {
                let row = to.unwrap_or_else(|| lengths.iter().copied().max().unwrap_or(0));
                let starts = (0..lengths.len() as u64).map(|i| i * u64::from(row)).collect();
                Ok((starts, [lengths.len(), row as usize]))
            }
            Arrangement::Rows { length, .. } => {
                if let Some((id, _)) = ids.iter().zip(lengths).find(|(_, n)| **n == 0) {
                    return Err(Error::data(format!("sample {id} has no tokens to put in a row"), "remove it from the dataset"));
                }
                let packer = self.packer.as_mut().ok_or_else(|| {
                    Error::config("batch.packer", "layout `rows` needs a packer", "name one, such as `packer = { plugin = \"first-fit\" }`")
                })?;
                let rows = packer.pack(lengths, length)?;
                let n_rows = rows.iter().max().map_or(0, |last| *last as usize + 1);
                let mut used = vec![0u64; n_rows];
                let starts = rows
                    .iter()
                    .zip(lengths)
                    .map(|(&row, &n)| {
                        let used = &mut used[row as usize];
                        let start = u64::from(row) * u64::from(length) + *used;
                        *used += u64::from(n);
                        start
                    })
                    .collect();
                Ok((starts, [n_rows, length as usize]))
            }
        }
    }

    fn copy(&self, id: u64, n: u32, place: &mut [u8]) -> Result<()> {
        let sample = self.dataset.sample(id)?;
        let token_type = self.dataset.token_type();
        let bytes = sample.bytes().get(..n as usize * token_type.width()).unwrap_or_default();
        if bytes.len() != place.len() {
            return Err(Error::data(format!("sample {id} is shorter than its index says"), "run `curricle info --check` on the dataset"));
        }
        place.copy_from_slice(bytes);
        // The tokens are still in the cache.
        if let Some(vocab_size) = self.dataset.vocab_size()
            && let Some((_, token)) = first_outside(token_type, place, Some(vocab_size))
        {
            return Err(Error::data(
                format!("sample {id} holds token {token}, the vocabulary ends at {}", vocab_size.saturating_sub(1)),
                "correct the dataset or its `vocab-size`",
            ));
        }
        Ok(())
    }
}

impl Arrangement {
    fn fill(&self) -> Option<u64> {
        match *self {
            Arrangement::Packed => None,
            Arrangement::Padded { fill, .. } | Arrangement::Rows { fill, .. } => Some(fill),
        }
    }

    /// Tokens that a sample may have at most.
    fn row_length(&self) -> Option<u32> {
        match *self {
            Arrangement::Packed => None,
            Arrangement::Padded { to, .. } => to,
            Arrangement::Rows { length, .. } => Some(length),
        }
    }
}

/// Writes the padding only where no sample will be: the buffer still holds what an earlier batch left.
fn fill_gaps(bytes: &mut [u8], pattern: &[u8], starts: &[u64], lengths: &[u32], width: usize) {
    let mut samples: Vec<(usize, usize)> =
        starts.iter().zip(lengths).map(|(&s, &n)| (s as usize * width, (s as usize + n as usize) * width)).collect();
    samples.sort_unstable();
    let mut end = 0;
    for (start, next_end) in samples.into_iter().chain([(bytes.len(), bytes.len())]) {
        if let Some(gap) = bytes.get_mut(end..start) {
            gap.chunks_exact_mut(pattern.len()).for_each(|token| token.copy_from_slice(pattern));
        }
        end = next_end;
    }
}
