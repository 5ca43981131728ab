use serde::de::DeserializeOwned;

use crate::{ConfigSchema, Result};

/// Arranges samples into bins of a fixed capacity: those of a micro-batch into the rows of a packed batch, or those in hand into micro-batches
/// under a budget of tokens. Export it with `export!(packer: MyPacker)`.
pub trait Packer: Sized + 'static {
    /// The configuration, read from the JSON object in the run file, whose [`schema`](crate::schema) the host checks first.
    /// [`NoConfig`](crate::NoConfig) if there is none.
    type Config: DeserializeOwned + ConfigSchema;

    /// Called once.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with a sentence for the person who wrote the run file.
    fn configure(config: Self::Config) -> Result<Self>;

    /// Bin of each sample, given its length in tokens (at least 1 and at most `capacity`): one number for each length. Bins are numbered
    /// from 0 without gaps and hold at most `capacity` tokens and `max_samples` samples. Within a bin samples keep the order of `lengths`.
    /// The same question has the same answer, whatever was asked before.
    ///
    /// # Errors
    /// Any error stops the run with its text.
    fn pack(&mut self, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>>;
}
