#![doc = include_str!("../README.md")]

use curricle_guest::{ConfigSchema, Error, Metric, Needs, Result, Samples, Values, export, sums};
use serde::Deserialize;
use vocab::{Counts, MAX_VOCAB, Rarity};

/// Its configuration.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Token ids must be below this; it keeps one damaged token from claiming gigabytes.
    #[serde(default = "max_vocab")]
    #[config(min = 1, max = 16_777_216)]
    max_vocab: u32,
    /// Ids below this that never occur count as if they had occurred once.
    #[config(min = 1, max = 16_777_216)]
    vocab_size: Option<u32>,
    /// Cuts the sum to a whole number.
    #[serde(default)]
    whole: bool,
    /// Divides the sum by the length of the sample.
    #[serde(default)]
    per_token: bool,
}

fn max_vocab() -> u32 {
    MAX_VOCAB
}

/// Sum over the tokens of a sample of −ln of their frequency in the dataset.
#[derive(Debug)]
pub struct VocabRarity {
    config: Config,
    counts: Counts,
    rarity: Rarity,
    totals: Vec<f64>,
}

impl Metric for VocabRarity {
    type Config = Config;

    const NEEDS: Needs = Needs::passes(1);

    fn configure(config: Config) -> Result<Self> {
        if config.whole && config.per_token {
            return Err(Error::config(
                "whole",
                "it is set together with `per-token`, whose values are too small to be cut to whole numbers",
            ));
        }
        Ok(VocabRarity { counts: Counts::new(config.max_vocab)?, rarity: Rarity::default(), totals: Vec::new(), config })
    }

    fn accumulate(&mut self, _: u32, samples: &Samples) -> Result<()> {
        self.counts.add(samples)
    }

    fn partial(&mut self, _: u32) -> Vec<u8> {
        sums::to_bytes(&self.counts.take())
    }

    fn merge(&mut self, _: u32, partials: &[Vec<u8>]) -> Result<Vec<u8>> {
        Ok(sums::merge(partials))
    }

    fn finish(&mut self, _: u32, merged: &[u8]) -> Result<()> {
        let counts = sums::from_bytes(merged);
        self.totals = sums::to_totals(&counts);
        self.rarity = Rarity::new(&counts, self.config.vocab_size)?;
        Ok(())
    }

    fn totals(&mut self) -> Vec<f64> {
        self.totals.clone()
    }

    fn measure(&mut self, samples: &Samples) -> Result<Values> {
        let mut sums = self.rarity.of_each(samples);
        if self.config.whole {
            return Ok(sums.into_iter().map(|sum| sum as u64).collect::<Vec<u64>>().into());
        }
        if self.config.per_token {
            sums.iter_mut().zip(samples.lengths()).for_each(|(sum, length)| *sum /= f64::from(length.max(1)));
        }
        Ok(sums.into())
    }
}

export!(metric: VocabRarity);

#[cfg(test)]
mod tests;
