#![doc = include_str!("../README.md")]

use curricle_guest::{ConfigSchema, Error, Metric, Needs, Result, Samples, Values, export, sums};
use serde::Deserialize;
use vocab::{Counts, MAX_VOCAB, Rarity};

/// Its configuration.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Tokens of the longest sample; if left out, the longest that there is.
    #[config(min = 1)]
    max_length: Option<u32>,
    /// Token ids must be below this; it keeps one damaged token from claiming gigabytes.
    #[serde(default = "max_vocab")]
    #[config(min = 1, max = 16_777_216)]
    max_vocab: u32,
    /// Ids below this that never occur count as if they had occurred once.
    #[config(min = 1, max = 16_777_216)]
    vocab_size: Option<u32>,
}

fn max_vocab() -> u32 {
    MAX_VOCAB
}

/// Length and rarity in one number.
#[derive(Debug)]
pub struct SeqLenVocabRarity {
    config: Config,
    counts: Counts,
    /// Length of the longest sample seen.
    longest: u32,
    rarity: Rarity,
    /// What a token of length is worth; a power of ten.
    weight: f64,
    totals: Vec<f64>,
}

impl Metric for SeqLenVocabRarity {
    type Config = Config;

    const NEEDS: Needs = Needs::passes(1);

    fn configure(config: Config) -> Result<Self> {
        let counts = Counts::new(config.max_vocab)?;
        Ok(SeqLenVocabRarity { config, counts, longest: 0, rarity: Rarity::default(), weight: 1.0, totals: Vec::new() })
    }

    fn accumulate(&mut self, _: u32, samples: &Samples) -> Result<()> {
        self.longest = samples.lengths().fold(self.longest, u32::max);
        self.counts.add(samples)
    }

    /// The longest length, then the counts.
    fn partial(&mut self, _: u32) -> Vec<u8> {
        let mut bytes = u64::from(std::mem::take(&mut self.longest)).to_le_bytes().to_vec();
        bytes.extend(sums::to_bytes(&self.counts.take()));
        bytes
    }

    fn merge(&mut self, _: u32, partials: &[Vec<u8>]) -> Result<Vec<u8>> {
        let split: Vec<(u64, &[u8])> = partials.iter().map(|partial| split(partial)).collect();
        let longest = split.iter().map(|(longest, _)| *longest).max().unwrap_or(0);
        let counts: Vec<&[u8]> = split.into_iter().map(|(_, counts)| counts).collect();
        Ok([longest.to_le_bytes().to_vec(), sums::merge(&counts)].concat())
    }

    fn finish(&mut self, _: u32, merged: &[u8]) -> Result<()> {
        let (longest, counts) = split(merged);
        let counts = sums::from_bytes(counts);
        self.rarity = Rarity::new(&counts, self.config.vocab_size)?;
        let max_length = self.config.max_length.map_or(longest as f64, f64::from);
        self.weight = 10.0 * power_of_ten_from(max_length * self.rarity.max());
        self.totals = sums::to_totals(&counts);
        self.totals.insert(0, self.weight);
        Ok(())
    }

    fn totals(&mut self) -> Vec<f64> {
        self.totals.clone()
    }

    fn measure(&mut self, samples: &Samples) -> Result<Values> {
        let weight = self.weight;
        let value = |(i, (sum, length)): (usize, (f64, u32))| {
            let id = samples.first() + i as u64;
            if sum >= weight {
                return Err(Error::data(format!(
                    "the rarity of sample {id} is {sum}, as much as a token of length ({weight}), so that values would not ascend with \
                     the length; raise `max-length` to that of the longest sample"
                )));
            }
            // 2^64 holds every length that fits memory unless `max-length` is far beyond it.
            let whole = (weight as u64).checked_mul(u64::from(length)).and_then(|whole| whole.checked_add(sum as u64));
            whole.ok_or_else(|| Error::data(format!("the value of sample {id} is beyond 2^64; lower `max-length`")))
        };
        let sums = self.rarity.of_each(samples).into_iter().zip(samples.lengths());
        Ok(sums.enumerate().map(value).collect::<Result<Vec<u64>>>()?.into())
    }
}

/// The parts of a partial result.
fn split(bytes: &[u8]) -> (u64, &[u8]) {
    bytes.split_first_chunk().map_or((0, &[]), |(longest, counts)| (u64::from_le_bytes(*longest), counts))
}

/// The smallest power of ten that is not below x; at least 1. Powers of ten are exact up to 10^22, and logarithms are not.
fn power_of_ten_from(x: f64) -> f64 {
    let mut power = 1.0;
    while power < x && power < 1e22 {
        power *= 10.0;
    }
    power
}

export!(metric: SeqLenVocabRarity);

#[cfg(test)]
mod tests {
    use curricle_guest::testing::{Analysis, analyze, samples};
    use serde_json::{Value, json};

    use super::*;

    fn found(config: Value) -> Result<Analysis> {
        analyze::<SeqLenVocabRarity>(config, &[samples::<u16>(0, &[&[1, 1, 2, 3], &[3]]), samples::<u16>(2, &[&[], &[2, 2, 2]])])
    }

    #[test]
    fn a_value_is_the_length_times_a_power_of_ten_and_the_rarity() {
        // Of 8 tokens 2 are 1, 4 are 2 and 2 are 3. The rarest has −ln(2/8) = 1.386; four times that is below 10, so C is 100.
        let analysis = found(json!({})).unwrap();
        assert_eq!(analysis.values, [Values::U64(vec![404, 101]), Values::U64(vec![0, 302])]);
        assert_eq!(analysis.totals, [100.0, 0.0, 2.0, 4.0, 2.0]);
        // 2048 times that is 2 839, so C is 10^5.
        let analysis = found(json!({"max-length": 2048})).unwrap();
        assert_eq!(analysis.values, [Values::U64(vec![400_004, 100_001]), Values::U64(vec![0, 300_002])]);
    }

    #[test]
    fn ids_that_never_occur_are_the_rarest_if_the_vocabulary_is_given() {
        // 8 tokens and 17 ids that occur never: the rarest has −ln(1/25) = 3.2, four times that is above 10.
        let analysis = found(json!({"vocab-size": 20})).unwrap();
        assert_eq!(analysis.totals[0], 1000.0);
        assert_eq!(analysis.values[0], Values::U64(vec![4_009, 1_002]));
    }

    #[test]
    fn a_rarity_that_would_pass_for_length_is_refused_with_its_sample() {
        let long: Vec<u16> = (0..400).map(|i| i % 40).collect();
        let chunk = samples::<u16>(7, &[&[1], &long]);
        let error = analyze::<SeqLenVocabRarity>(json!({"max-length": 1}), &[chunk]).unwrap_err().to_string();
        assert!(error.contains("the rarity of sample 8 is ") && error.contains("raise `max-length`"), "{error}");
    }

    #[test]
    fn powers_of_ten_are_the_next_ones() {
        let powers = [0.0, 1.0, 1.1, 10.0, 10.5, 30_720.0, 1e30].map(power_of_ten_from);
        assert_eq!(powers, [1.0, 1.0, 10.0, 10.0, 100.0, 100_000.0, 1e22]);
    }
}
