#![doc = include_str!("../README.md")]

use curricle_guest::{Error, NoConfig, Packer, Result, export};

// The host's own packer, so that both give the same bins.
#[path = "../../../host/src/packing/length_sorted.rs"]
mod length_sorted;
#[path = "../../../host/src/packing/by_length.rs"]
mod by_length;
#[path = "../../../host/src/packing/numbering.rs"]
mod numbering;

/// One bin after another, in ascending order of length: O(n).
#[derive(Debug)]
pub struct LengthSorted;

impl Packer for LengthSorted {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self> {
        Ok(LengthSorted)
    }

    fn pack(&mut self, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>> {
        length_sorted::length_sorted(lengths, capacity, max_samples).ok_or_else(|| {
            let length = lengths.iter().find(|length| **length > capacity).copied().unwrap_or_default();
            Error::data(format!(
                "a sample of {length} tokens does not fit into a row of {capacity}; truncate samples or raise the capacity"
            ))
        })
    }
}

export!(packer: LengthSorted);

#[cfg(test)]
mod tests;
