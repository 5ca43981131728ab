#![doc = include_str!("../README.md")]

use curricle_guest::{ConfigSchema, Metric, Needs, Result, Samples, export, sums};
use serde::Deserialize;
use vocab::{Counts, MAX_VOCAB};

/// Its configuration.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Token ids must be below this; it keeps one damaged token from claiming gigabytes.
    #[serde(default = "max_vocab")]
    #[config(min = 1, max = 16_777_216)]
    max_vocab: u32,
}

fn max_vocab() -> u32 {
    MAX_VOCAB
}

/// How often each token id occurs.
#[derive(Debug)]
pub struct VocabFrequency {
    counts: Counts,
    totals: Vec<f64>,
}

impl Metric for VocabFrequency {
    type Config = Config;

    const NEEDS: Needs = Needs::TOTALS;

    fn configure(config: Config) -> Result<Self> {
        Ok(VocabFrequency { counts: Counts::new(config.max_vocab)?, totals: Vec::new() })
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
        self.totals = sums::to_totals(&sums::from_bytes(merged));
        Ok(())
    }

    fn totals(&mut self) -> Vec<f64> {
        self.totals.clone()
    }
}

export!(metric: VocabFrequency);

#[cfg(test)]
mod tests {
    use curricle_guest::testing::{analyze, samples};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_occurrence_of_every_id_is_counted_and_samples_have_no_values() {
        let chunks = [samples::<u16>(0, &[&[1, 1, 2], &[]]), samples::<u16>(2, &[&[1, 500]])];
        let analysis = analyze::<VocabFrequency>(json!({}), &chunks).unwrap();
        let mut expected = vec![0.0; 501];
        (expected[1], expected[2], expected[500]) = (3.0, 1.0, 1.0);
        assert_eq!((analysis.totals, analysis.values), (expected, Vec::new()));
    }

    #[test]
    fn a_dataset_without_tokens_has_no_counts() {
        assert_eq!(analyze::<VocabFrequency>(json!({}), &[samples::<u32>(0, &[&[]])]).unwrap().totals, [0.0; 0]);
    }
}
