//! Copies the tokens of a rank's samples into place.

use std::{fmt, ops::Range, sync::Arc};

use serde::Deserialize;

use super::{Cuts, MicroBatch, Plan, Pool, Shape};
use crate::{
    Error, Result,
    columns::Column,
    dataset::{Dataset, Tokens, first_outside, prefetch},
    packing::BinPacker,
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
    /// It is left out and counted. Only under a budget of tokens, where the number of samples in a batch varies anyway.
    Drop,
}

/// Arranges samples into rows.
pub trait Pack: Send {
    /// Row of each sample, numbered from 0 without gaps, given its length (1 to `capacity` tokens); no row holds more than `capacity` tokens or
    /// more than `max_samples` samples.
    ///
    /// # Errors
    /// What the packer's plugin fails with.
    fn pack(&mut self, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>>;
}

impl Pack for BinPacker {
    fn pack(&mut self, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>> {
        BinPacker::pack(*self, lengths, capacity, max_samples)
    }
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
        let shape = self.shape;
        plan.micro_batches(&shape).map(|places| self.micro_batch(plan, places)).collect()
    }

    fn micro_batch(&mut self, plan: &Plan, places: Range<usize>) -> Result<MicroBatch> {
        let ids = plan.ids().get(places).unwrap_or_default().to_vec();
        let truncation = plan.truncation();
        let dataset = self.dataset.clone();
        let whole = dataset.samples(&ids)?;
        let (ids, samples) = match plan.pieces() {
            Some(pieces) => pieces.cut(&ids, &whole, truncation)?,
            None => (ids, whole),
        };
        // No piece is longer than what its sample was cut to.
        let lengths = self.lengths(&ids, &samples, truncation)?;
        let (starts, shape) = self.place(&ids, &lengths, plan.cuts().and_then(Cuts::pad_to))?;
        let token_type = dataset.token_type();
        let width = token_type.width();
        // Asking the system for more than there is ends the process, so that has to be noticed before.
        const MOST: usize = 8 << 30;
        let n_bytes = shape[0].checked_mul(shape[1]).and_then(|n| n.checked_mul(width)).filter(|n| *n <= MOST).ok_or_else(|| {
            let problem = format!("a micro-batch of {} rows of {} tokens is over 8 GiB", shape[0], shape[1]);
            Error::data(problem, "choose a smaller `micro-batch-size` or shorter rows")
        })?;
        let mut tokens = self.pool.take(n_bytes, token_type);
        if let Some(fill) = self.arrangement.fill() {
            if fill > token_type.max_token() {
                return Err(Error::config(
                    "batch.pad-token",
                    format!("{fill} is no {} token", token_type.name()),
                    "choose a token that the dataset's type can hold",
                ));
            }
            fill_gaps(tokens.bytes_mut(), fill, &starts, &lengths, width);
        }
        copy(&samples, &lengths, &starts, tokens.bytes_mut())?;
        let micro_batch = MicroBatch { ids, lengths, starts, shape, tokens, values: Vec::new() };
        self.check_vocabulary(&micro_batch)?;
        self.with_values(micro_batch)
    }

    /// Tokens of each sample after the plan's truncation and within the limit of a row.
    fn lengths(&self, ids: &[u64], samples: &[Tokens<'_>], truncation: Option<u32>) -> Result<Vec<u32>> {
        let longest = truncation.unwrap_or(u32::MAX);
        let whole: Vec<u32> = samples.iter().map(|sample| u32::try_from(sample.len()).unwrap_or(u32::MAX).min(longest)).collect();
        let mut lengths = Vec::with_capacity(whole.len());
        self.limit(ids, &whole, &mut lengths)?;
        Ok(lengths)
    }

    /// Tokens of each sample within the limit of a row.
    pub(super) fn limit(&self, ids: &[u64], whole: &[u32], lengths: &mut Vec<u32>) -> Result<()> {
        let row = self.arrangement.row_length();
        for (id, &n) in ids.iter().zip(whole) {
            lengths.push(match row {
                Some(row) if n > row && self.overlong == Overlong::Cut => row,
                Some(row) if n > row => {
                    return Err(Error::data(
                        format!("sample {id} has {n} tokens and a row {row}"),
                        "set `overlong = \"cut\"` in [batch], let the policy truncate, or choose longer rows",
                    ));
                }
                _ => n,
            });
        }
        Ok(())
    }

    /// Refuses tokens over the vocabulary, while they are still in the cache.
    fn check_vocabulary(&self, micro_batch: &MicroBatch) -> Result<()> {
        let token_type = micro_batch.tokens.token_type();
        let Some(vocab_size) = self.dataset.vocab_size() else { return Ok(()) };
        if token_type.max_token() < vocab_size && !token_type.is_signed() {
            return Ok(());
        }
        for (i, id) in micro_batch.ids.iter().enumerate() {
            let tokens = micro_batch.sample(i).unwrap_or_default();
            if let Some((_, token)) = first_outside(token_type, tokens, Some(vocab_size)) {
                return Err(Error::data(
                    format!("sample {id} holds token {token}, the vocabulary ends at {}", vocab_size.saturating_sub(1)),
                    "correct the dataset or its `vocab-size`",
                ));
            }
        }
        Ok(())
    }

    /// Adds the values of the columns asked for.
    fn with_values(&self, mut micro_batch: MicroBatch) -> Result<MicroBatch> {
        for column in &self.values {
            let mut of_column = Vec::with_capacity(micro_batch.ids.len());
            column.values(&micro_batch.ids, &mut of_column)?;
            micro_batch.values.push(of_column);
        }
        Ok(micro_batch)
    }

    /// Where each sample begins, and rows and columns of the whole. Padded rows are of `step_longest` tokens where the step has one shape.
    pub(super) fn place(&mut self, ids: &[u64], lengths: &[u32], step_longest: Option<u32>) -> Result<(Vec<u64>, [usize; 2])> {
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
                let row = to.or(step_longest).unwrap_or_else(|| lengths.iter().copied().max().unwrap_or(0));
                let starts = (0..lengths.len() as u64).map(|i| i * u64::from(row)).collect();
                Ok((starts, [lengths.len(), row as usize]))
            }
            // There is nothing to ask a packer.
            Arrangement::Rows { length, .. } if ids.is_empty() => Ok((Vec::new(), [0, length as usize])),
            Arrangement::Rows { length, .. } => {
                if let Some((id, _)) = ids.iter().zip(lengths).find(|(_, n)| **n == 0) {
                    return Err(Error::data(format!("sample {id} has no tokens to put in a row"), "remove it from the dataset"));
                }
                let packer = self.packer.as_mut().ok_or_else(|| {
                    Error::config("batch.packer", "layout `rows` needs a packer", "name one, such as `packer = \"best-fit-decreasing\"`")
                })?;
                let rows = packer.pack(lengths, length, None)?;
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
}

impl Arrangement {
    fn fill(&self) -> Option<u64> {
        match *self {
            Arrangement::Packed => None,
            Arrangement::Padded { fill, .. } | Arrangement::Rows { fill, .. } => Some(fill),
        }
    }

    /// Tokens that a sample may have at most.
    pub(crate) fn row_length(&self) -> Option<u32> {
        match *self {
            Arrangement::Packed => None,
            Arrangement::Padded { to, .. } => to,
            Arrangement::Rows { length, .. } => Some(length),
        }
    }
}

/// Copies the samples to where they begin. They lie anywhere in the files, so each is called up a few samples ahead.
fn copy(samples: &[Tokens<'_>], lengths: &[u32], starts: &[u64], place: &mut [u8]) -> Result<()> {
    const AHEAD: usize = 4;
    for (i, ((sample, &n), &start)) in samples.iter().zip(lengths).zip(starts).enumerate() {
        if let Some(next) = samples.get(i + AHEAD) {
            prefetch(next.bytes());
        }
        let width = sample.token_type().width();
        let (start, n_bytes) = (start as usize * width, n as usize * width);
        match (sample.bytes().get(..n_bytes), place.get_mut(start..).and_then(|rest| rest.get_mut(..n_bytes))) {
            (Some(from), Some(to)) => to.copy_from_slice(from),
            _ => return Err(Error::data("a packer put a sample outside its row", "use another packer")),
        }
    }
    Ok(())
}

/// Writes the padding only where no sample will be: the buffer still holds what an earlier batch left.
fn fill_gaps(bytes: &mut [u8], fill: u64, starts: &[u64], lengths: &[u32], width: usize) {
    let mut samples: Vec<(usize, usize)> =
        starts.iter().zip(lengths).map(|(&s, &n)| (s as usize * width, (s as usize + n as usize) * width)).collect();
    samples.sort_unstable();
    let mut end = 0;
    for (start, next_end) in samples.into_iter().chain([(bytes.len(), bytes.len())]) {
        if let Some(gap) = bytes.get_mut(end..start) {
            // Gaps begin at whole tokens of a buffer that is aligned for all types.
            match width {
                1 => gap.fill(fill as u8),
                2 => bytemuck::cast_slice_mut(gap).fill(fill as u16),
                4 => bytemuck::cast_slice_mut(gap).fill(fill as u32),
                _ => bytemuck::cast_slice_mut(gap).fill(fill),
            }
        }
        end = next_end;
    }
}
