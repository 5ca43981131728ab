#![doc = include_str!("../README.md")]

use curricle_guest::{ConfigSchema, Error, Packer, Result, export};
use serde::Deserialize;

// The host's own packer, so that both give the same bins.
#[path = "../../../host/src/packing/first_fit.rs"]
mod first_fit;

/// Its configuration.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Place long samples first.
    #[serde(default)]
    decreasing: bool,
}

/// Each sample into the first bin that has room: O(n log n).
#[derive(Debug)]
pub struct FirstFit {
    decreasing: bool,
}

impl Packer for FirstFit {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        Ok(FirstFit { decreasing: config.decreasing })
    }

    fn pack(&mut self, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>> {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        if self.decreasing {
            // Stable, so that samples of one length keep their order.
            order.sort_by_key(|&sample| std::cmp::Reverse(lengths.get(sample)));
        }
        first_fit::first_fit(lengths, order, capacity, max_samples).ok_or_else(|| {
            let length = lengths.iter().find(|length| **length > capacity).copied().unwrap_or_default();
            Error::data(format!(
                "a sample of {length} tokens does not fit into a row of {capacity}; truncate samples or raise the capacity"
            ))
        })
    }
}

export!(packer: FirstFit);

#[cfg(test)]
mod tests;
