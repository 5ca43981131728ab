use serde::de::DeserializeOwned;

use crate::{ConfigSchema, Plan, Result};

/// Where training stands. Everything counts what the trainer was given, from the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Number of the global batch, from 0.
    pub index: u64,
    /// Samples in the global batches before this one.
    pub consumed_samples: u64,
    /// Tokens in them, after truncation and without padding; none if the run file says `count-tokens = false`.
    pub consumed_tokens: Option<u64>,
}

/// A sampling policy: decides what each global batch holds.
///
/// It sees neither rank nor world size nor clock, and is called once per global batch on every rank: the same calls must give the same
/// answers everywhere. Plans that follow from the step and the streams alone need nothing saved; a policy that remembers more is also
/// [`Snapshot`]. Export it with `export!(policy: MyPolicy)` or `export!(stateful policy: MyPolicy)`.
pub trait Policy: Sized + 'static {
    /// The configuration, read from the JSON object in the run file, whose [`schema`](crate::schema) the host checks first.
    /// [`NoConfig`](crate::NoConfig) if there is none.
    type Config: DeserializeOwned + ConfigSchema;

    /// Called once, before the first step: opens the streams that the policy knows it will draw from.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) or [`Error::Data`](crate::Error::Data) with a sentence for the person who wrote the run file.
    fn configure(config: Self::Config) -> Result<Self>;

    /// Fills the plan of one global batch.
    ///
    /// # Errors
    /// [`Error::Exhausted`](crate::Error::Exhausted) ends training cleanly; any other stops it with the text.
    fn fill(&mut self, step: Step, plan: &mut Plan) -> Result<()>;
}

/// What a policy remembers beyond the positions of its streams.
pub trait Snapshot: Policy {
    /// Called between steps, at any of them; must not change what the policy does next. At most 1 MiB; a few hundred bytes is good manners.
    fn save(&self) -> Vec<u8>;

    /// Called after `configure`, with bytes that the same plugin saved under the same configuration. Streams opened by name stand where
    /// they stood then.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if the bytes are not what [`save`](Snapshot::save) writes.
    fn restore(&mut self, state: &[u8]) -> Result<()>;
}
