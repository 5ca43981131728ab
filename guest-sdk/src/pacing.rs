use serde::de::DeserializeOwned;

use crate::{ConfigSchema, Result};

/// A pacing function: how hard the data may be at a step. Export it with `export!(pacing: MyPacing)`.
pub trait Pacing: Sized + 'static {
    /// The configuration, read from the JSON object in the run file, whose [`schema`](crate::schema) the host checks first.
    /// [`NoConfig`](crate::NoConfig) if there is none.
    type Config: DeserializeOwned + ConfigSchema;

    /// Called once.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with a sentence for the person who wrote the run file.
    fn configure(config: Self::Config) -> Result<Self>;

    /// Difficulty at a step, counted from 0, in whatever unit the metric has: a finite number, the same for the same step whenever and
    /// however often it is asked.
    fn difficulty(&mut self, step: u64) -> f64;
}
