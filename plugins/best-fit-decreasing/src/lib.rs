#![doc = include_str!("../README.md")]

use curricle_guest::{Error, NoConfig, Packer, Result, export};

// The host's own packer, so that both give the same bins.
#[path = "../../../host/src/packing/best_fit.rs"]
mod best_fit;
#[path = "../../../host/src/packing/by_length.rs"]
mod by_length;
#[path = "../../../host/src/packing/numbering.rs"]
mod numbering;

/// Long samples first, each into the bin that it leaves the least room in: O(n) for common capacities.
#[derive(Debug)]
pub struct BestFitDecreasing;

impl Packer for BestFitDecreasing {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self> {
        Ok(BestFitDecreasing)
    }

    fn pack(&mut self, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>> {
        best_fit::best_fit_decreasing(lengths, capacity, max_samples).ok_or_else(|| {
            let length = lengths.iter().find(|length| **length > capacity).copied().unwrap_or_default();
            Error::data(format!(
                "a sample of {length} tokens does not fit into a row of {capacity}; truncate samples or raise the capacity"
            ))
        })
    }
}

export!(packer: BestFitDecreasing);

#[cfg(test)]
mod tests;
