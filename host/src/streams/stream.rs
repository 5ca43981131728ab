//! One stream: an order over a selection, and a position in it.

use std::sync::Arc;

use xxhash_rust::xxh64::xxh64;

use super::{permutation::Permutation, random};
use crate::{
    Error, Result,
    columns::{Columns, Condition, Selection},
};

/// How a stream runs through the samples that it selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// In a random order that is new each epoch: every sample once before any sample twice.
    Shuffled,
    /// Each draw independent of the others, with replacement, all samples equally likely.
    Independent,
    /// Ascending by sample id, again and again. Over one condition on a column the samples become a compressed set.
    Sequential,
    /// Ascending by the named column of numbers, ties by sample id, again and again. Under any selection but one range of that same column
    /// the order is laid out once, at 8 bytes a sample.
    Ascending(String),
}

impl Order {
    /// A number for these conditions in this order: the XXH64 of a canonical encoding. Conditions may be in any order.
    pub(super) fn identity(&self, conditions: &[Condition]) -> u64 {
        let mut bytes = b"curricle stream 1".to_vec();
        match self {
            Order::Shuffled => bytes.push(0),
            Order::Independent => bytes.push(1),
            Order::Sequential => bytes.push(2),
            Order::Ascending(column) => {
                bytes.push(3);
                bytes.extend((column.len() as u64).to_le_bytes());
                bytes.extend(column.as_bytes());
            }
        }
        let encode = |condition: &Condition| {
            let mut bytes = Vec::new();
            condition.encode(&mut bytes);
            bytes
        };
        let mut encoded: Vec<_> = conditions.iter().map(encode).collect();
        encoded.sort_unstable();
        encoded.iter().for_each(|condition| bytes.extend(condition));
        xxh64(&bytes, 0)
    }
}

/// Samples that a stream works out ahead when few are drawn: in one go they cost a tenth of what they cost one by one, since the processor
/// looks many of them up at the same time.
const AHEAD: usize = 64;

/// An endless sequence of the samples of a selection.
#[derive(Clone, Debug)]
pub struct Stream {
    name: Arc<str>,
    selection: Selection,
    run: Run,
    /// Decides everything random, and comes from seed and name.
    key: u64,
    /// Epoch of the next sample to be worked out.
    epoch: u64,
    /// Its place in the epoch; below the length.
    offset: u64,
    /// Samples worked out and not yet drawn, from `drawn` on.
    ahead: Vec<u64>,
    drawn: usize,
}

#[derive(Clone, Debug)]
enum Run {
    /// With the permutation of the epoch.
    Shuffled(Permutation),
    Independent,
    /// By rank.
    Ranked,
}

impl Stream {
    /// A stream at its beginning. Seed and name together decide its random order.
    ///
    /// # Errors
    /// [`Error::Data`] if the selection is empty, or the order names a column that does not exist or is not one of numbers.
    pub fn new(seed: u64, name: impl Into<Arc<str>>, selection: Selection, order: &Order, columns: &Columns) -> Result<Stream> {
        let name = name.into();
        if selection.is_empty() {
            let problem = format!("stream `{name}` selects none of the {} samples", columns.n_samples());
            return Err(Error::data(problem, "loosen its conditions"));
        }
        let key = random::mix(xxh64(name.as_bytes(), random::mix(seed)));
        let (selection, run) = match order {
            Order::Shuffled => {
                let first = permutation(selection.len(), key, 0);
                (selection, Run::Shuffled(first))
            }
            Order::Independent => (selection, Run::Independent),
            Order::Sequential => (selection.by_id()?, Run::Ranked),
            Order::Ascending(column) => (selection.by_value(column, columns.get(column)?)?, Run::Ranked),
        };
        Ok(Stream { name, selection, run, key, epoch: 0, offset: 0, ahead: Vec::new(), drawn: 0 })
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The samples that it runs through.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Samples in one epoch; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a stream is never empty")]
    pub fn len(&self) -> u64 {
        self.selection.len()
    }

    /// Samples drawn so far, over all epochs.
    pub fn position(&self) -> u64 {
        self.cursor().saturating_sub((self.ahead.len() - self.drawn) as u64)
    }

    /// Goes to a position; any is near.
    pub fn set_position(&mut self, position: u64) {
        self.ahead.clear();
        self.drawn = 0;
        self.offset = position % self.len();
        let epoch = position / self.len();
        if epoch != self.epoch {
            self.begin(epoch);
        }
    }

    /// Appends the next `count` samples, over as many epochs as that takes.
    pub fn draw(&mut self, count: usize, out: &mut Vec<u64>) {
        let missing = count - self.take_ahead(count, out);
        if missing >= AHEAD {
            let begin = out.len();
            out.resize(begin + missing, 0);
            self.work_out(out.get_mut(begin..).unwrap_or_default());
        } else if missing > 0 {
            let mut ahead = std::mem::take(&mut self.ahead);
            ahead.resize(AHEAD, 0);
            self.work_out(&mut ahead);
            (self.ahead, self.drawn) = (ahead, 0);
            self.take_ahead(missing, out);
        }
    }

    fn take_ahead(&mut self, count: usize, out: &mut Vec<u64>) -> usize {
        let ahead = self.ahead.get(self.drawn..).unwrap_or_default();
        let taken = ahead.get(..count).unwrap_or(ahead);
        out.extend_from_slice(taken);
        self.drawn += taken.len();
        taken.len()
    }

    /// Position of the next sample to be worked out.
    fn cursor(&self) -> u64 {
        self.epoch.saturating_mul(self.len()).saturating_add(self.offset)
    }

    fn work_out(&mut self, mut rest: &mut [u64]) {
        while !rest.is_empty() {
            let left = usize::try_from(self.len() - self.offset).unwrap_or(usize::MAX);
            let (part, later) = rest.split_at_mut(left.min(rest.len()));
            self.ranks(part);
            self.selection.gather(part);
            self.offset += part.len() as u64;
            if self.offset == self.len() {
                self.offset = 0;
                self.begin(self.epoch.saturating_add(1));
            }
            rest = later;
        }
    }

    /// Memory of the selection beyond the mapped columns, in bytes.
    pub(super) fn memory(&self) -> u64 {
        self.selection.memory()
    }

    /// Ranks of the next samples, all of this epoch.
    fn ranks(&self, part: &mut [u64]) {
        let (start, len) = (self.offset, self.len());
        match &self.run {
            Run::Shuffled(permutation) => permutation.fill(start, part),
            Run::Independent => {
                let position = self.cursor();
                for (i, rank) in part.iter_mut().enumerate() {
                    *rank = random::below(len, random::at(self.key, position.wrapping_add(i as u64)));
                }
            }
            Run::Ranked => part.iter_mut().enumerate().for_each(|(i, rank)| *rank = start + i as u64),
        }
    }

    fn begin(&mut self, epoch: u64) {
        self.epoch = epoch;
        if let Run::Shuffled(of_epoch) = &mut self.run {
            *of_epoch = permutation(self.selection.len(), self.key, epoch);
        }
    }
}

fn permutation(len: u64, key: u64, epoch: u64) -> Permutation {
    Permutation::new(len, random::at(key, epoch))
}
