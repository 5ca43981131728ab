//! What the command line adds to a configuration.

/// What the configuration does not say.
#[derive(Default)]
pub(super) struct Options {
    /// The dataset, as the run file shall name it.
    pub(super) dataset: Option<String>,
    /// Tokens of a sample, where samples are sequences of a fixed length.
    pub(super) sequence_length: Option<u32>,
    /// Data-parallel ranks.
    pub(super) world_size: Option<u32>,
    /// Gives the tokens of a sample of the dataset, on average, if it can. Asked where the answer is needed.
    pub(super) mean_length: Option<Box<dyn Fn() -> Option<f64>>>,
}
