//! What a step comes to.

use std::collections::BTreeMap;

/// What a policy made of one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The samples, in the order in which they were added.
    pub ids: Vec<u64>,
    /// How many were drawn from which stream, in order.
    pub draws: Vec<(String, u32)>,
    /// To how many tokens every sample is cut.
    pub truncate: Option<u32>,
    /// Numbers beside the batch.
    pub annotations: BTreeMap<String, f64>,
    /// Whether the host is to keep the order.
    pub ordered: bool,
}
