//! Orders over selections of samples. A stream is a function from position to sample that the host evaluates and whose position the host
//! keeps: a policy that only draws from streams has nothing to save.

use crate::{Result, dataset::Condition, host};

/// An open stream: a small handle, valid in this instance of the plugin. Names are what lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream(pub(crate) u32);

/// How a stream runs through the samples that it selects. Streams are endless: an epoch is followed by the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// In a random order that is different each epoch: every sample once before any sample twice.
    Shuffled,
    /// Each draw independent of the others, with replacement, all samples equally likely.
    Independent,
    /// Ascending by sample id, again and again.
    Sequential,
    /// Ascending by the named column of numbers, ties by sample id, again and again.
    Ascending(String),
}

impl Stream {
    /// Opens the shuffled stream of the samples that meet every condition; none selects all. Allowed in `configure`, `restore` and `fill`.
    ///
    /// `name` is 1 to 128 bytes without control characters; seed and name together decide the order. Opening a name again, after a resume
    /// too, goes on where it stood.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) if no sample meets the conditions or one cannot be judged; [`Error::State`](crate::Error::State)
    /// if the name belongs to a stream with other conditions or another order.
    pub fn shuffled(name: &str, conditions: &[Condition]) -> Result<Stream> {
        Stream::open(name, conditions, &Order::Shuffled)
    }

    /// As [`shuffled`](Stream::shuffled), in any [`Order`].
    ///
    /// # Errors
    /// As [`shuffled`](Stream::shuffled).
    pub fn open(name: &str, conditions: &[Condition], order: &Order) -> Result<Stream> {
        host::open(name, conditions, order).map(Stream)
    }

    /// Samples in one epoch; at least 1.
    #[allow(clippy::len_without_is_empty, reason = "a stream has at least one sample")]
    pub fn len(self) -> u64 {
        host::length(self.0)
    }

    /// Samples drawn so far, over all epochs.
    pub fn position(self) -> u64 {
        host::position(self.0)
    }

    /// Draws samples into the plugin's memory, for policies that must look at them before they
    /// [append](crate::Plan::append) some. They count as drawn. Allowed in `fill` only, at most 1 048 576 a call.
    pub fn take(self, count: u32) -> Vec<u64> {
        host::take(self.0, count)
    }
}
