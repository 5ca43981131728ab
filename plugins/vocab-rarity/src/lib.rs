#![doc = include_str!("../README.md")]

mod counts;
mod rarity;

use curricle_guest::{Error, Metric, Needs, Result, Samples, Values, export};
use serde::Deserialize;

pub use counts::Counts;
pub use rarity::Rarity;

/// Its configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Token ids must be below this; it keeps one damaged token from claiming gigabytes.
    #[serde(default = "Config::max_vocab")]
    max_vocab: u32,
}

impl Config {
    /// As many as the host keeps totals of.
    fn max_vocab() -> u32 {
        1 << 24
    }
}

/// Sum over the tokens of a sample of −ln of their frequency in the dataset.
#[derive(Debug)]
pub struct VocabRarity {
    counts: Counts,
    rarity: Rarity,
    totals: Vec<u64>,
}

impl Metric for VocabRarity {
    type Config = Config;

    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    const NEEDS: Needs = Needs::passes(1);

    fn configure(config: Config) -> Result<Self> {
        if !(1..=Config::max_vocab()).contains(&config.max_vocab) {
            return Err(Error::config("max-vocab", format!("found {}, but 1 to {} are possible", config.max_vocab, Config::max_vocab())));
        }
        Ok(VocabRarity { counts: Counts::new(config.max_vocab), rarity: Rarity::default(), totals: Vec::new() })
    }

    fn accumulate(&mut self, _: u32, samples: &Samples) -> Result<()> {
        self.counts.add(samples)
    }

    fn partial(&mut self, _: u32) -> Vec<u8> {
        counts::to_bytes(&self.counts.take())
    }

    fn merge(&mut self, _: u32, partials: &[Vec<u8>]) -> Result<Vec<u8>> {
        Ok(counts::merge(partials))
    }

    fn finish(&mut self, _: u32, merged: &[u8]) -> Result<()> {
        self.totals = counts::from_bytes(merged);
        self.rarity = Rarity::new(&self.totals);
        Ok(())
    }

    fn totals(&mut self) -> Vec<f64> {
        self.totals.iter().map(|&count| count as f64).collect()
    }

    fn measure(&mut self, samples: &Samples) -> Result<Values> {
        Ok(self.rarity.of_each(samples).into())
    }
}

export!(metric: VocabRarity);

#[cfg(test)]
mod tests;
