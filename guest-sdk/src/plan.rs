use std::marker::PhantomData;

use crate::{Result, Stream, host};

/// The global batch in the making; [`Policy::fill`](crate::Policy::fill) gets one. What is added must come to exactly
/// [`size`](Plan::size) samples.
#[derive(Debug)]
pub struct Plan {
    size: u32,
    // Only this crate makes plans, on the thread of the call.
    _private: PhantomData<*const ()>,
}

/// Streams for which there is room without growing.
const MANY: usize = 4096;

impl Plan {
    pub(crate) fn of_this_call() -> Plan {
        Plan { size: host::size(), _private: PhantomData }
    }

    /// Samples asked for, over all ranks and micro-batches; at least 1, and in the last batch of a run perhaps fewer than before.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Adds the next `count` samples of a stream.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) if the batch would grow past its size.
    pub fn draw(&mut self, stream: Stream, count: u32) -> Result<()> {
        host::draw(&[stream.0], &[count])
    }

    /// Adds the next samples of many streams; each is named at most once. Counts of 0 are left out. One call costs the host as much as one
    /// [`draw`](Plan::draw).
    ///
    /// # Errors
    /// As [`draw`](Plan::draw).
    pub fn draw_all(&mut self, counts: impl IntoIterator<Item = (Stream, u32)>) -> Result<()> {
        let counts = counts.into_iter();
        // Room for all at once: growing bit by bit costs more than what is drawn.
        let most = counts.size_hint().1.unwrap_or(0).min(MANY);
        let (mut streams, mut numbers) = (Vec::with_capacity(most), Vec::with_capacity(most));
        for (stream, count) in counts {
            if count > 0 {
                streams.push(stream.0);
                numbers.push(count);
            }
        }
        host::draw(&streams, &numbers)
    }

    /// Adds these samples.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) for an id past the end, or if the batch would grow past its size.
    pub fn append(&mut self, ids: &[u64]) -> Result<()> {
        host::append(ids)
    }

    /// Cuts every sample of the batch to its first `length` tokens; at least 1. The last call of a step counts, unless the run file
    /// sets a smaller length.
    pub fn truncate(&mut self, length: u32) {
        host::truncate(length);
    }

    /// Puts a finite number beside the batch for the trainer to read. `name` is 1 to 64 bytes without control characters; at most 64 names
    /// a step, and a name given again replaces its value.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) for a name or a value that is not allowed.
    pub fn annotate(&mut self, name: &str, value: f64) -> Result<()> {
        host::annotate(name, value)
    }

    /// Keeps the samples in the order in which they were added; without it the host shuffles the batch.
    pub fn ordered(&mut self) {
        host::ordered();
    }
}
