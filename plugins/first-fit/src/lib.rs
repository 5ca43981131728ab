#![doc = include_str!("../README.md")]

mod room;

use curricle_guest::{Error, Packer, Result, export};
use serde::Deserialize;

use room::Room;

/// Its configuration.
#[derive(Debug, Deserialize)]
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

    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    fn configure(config: Config) -> Result<Self> {
        Ok(FirstFit { decreasing: config.decreasing })
    }

    fn pack(&mut self, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>> {
        let mut samples: Vec<(usize, u32)> = lengths.iter().copied().enumerate().collect();
        if self.decreasing {
            // Stable, so that samples of one length keep their order.
            samples.sort_by_key(|&(_, length)| std::cmp::Reverse(length));
        }
        let mut room = Room::new(lengths.len(), capacity, max_samples.unwrap_or(u32::MAX));
        let mut bins = vec![0; lengths.len()];
        for (sample, length) in samples {
            let bin = room.place(length).ok_or_else(|| {
                Error::data(format!(
                    "a sample of {length} tokens does not fit into a row of {capacity}; truncate samples or raise the capacity"
                ))
            })?;
            if let Some(place) = bins.get_mut(sample) {
                *place = bin;
            }
        }
        Ok(bins)
    }
}

export!(packer: FirstFit);

#[cfg(test)]
mod tests;
