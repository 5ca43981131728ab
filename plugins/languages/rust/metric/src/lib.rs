//! How varied a sample is, in Rust: the share of its tokens that are different ones.

use curricle_guest::{Metric, NoConfig, Result, Samples, Token, Tokens, Values, export};

#[derive(Debug)]
pub struct Distinct;

impl Metric for Distinct {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Distinct> {
        Ok(Distinct)
    }

    fn measure(&mut self, samples: &Samples) -> Result<Values> {
        Ok(match samples.tokens() {
            Tokens::U8(tokens) => shares(samples, tokens),
            Tokens::U16(tokens) => shares(samples, tokens),
            Tokens::U32(tokens) => shares(samples, tokens),
        }
        .into())
    }
}

fn shares<T: Token>(samples: &Samples, tokens: &[T]) -> Vec<f32> {
    let mut seen = Seen::new(samples.lengths().max().unwrap_or(0));
    let share = |(sample, tokens): (u32, &[T])| {
        let distinct: u32 = tokens.iter().map(|token| u32::from(seen.insert((*token).into(), sample))).sum();
        if tokens.is_empty() { 0.0 } else { (f64::from(distinct) / tokens.len() as f64) as f32 }
    };
    (1..).zip(samples.split(tokens)).map(share).collect()
}

/// A set of the token ids of one sample after another. A place that holds the number of another sample is free, so there is nothing to clear.
struct Seen {
    places: Vec<(u32, u32)>,
}

impl Seen {
    /// At most half full.
    fn new(longest: u32) -> Seen {
        Seen { places: vec![(0, 0); (longest as usize * 2 + 2).next_power_of_two()] }
    }

    /// Whether the token is new to the sample, whose number is not 0.
    fn insert(&mut self, token: u32, sample: u32) -> bool {
        let mask = self.places.len() - 1;
        let hash = token.wrapping_mul(0x9e37_79b1);
        let mut at = (hash ^ hash >> 15) as usize & mask;
        while self.places[at].1 == sample {
            if self.places[at].0 == token {
                return false;
            }
            at = (at + 1) & mask;
        }
        self.places[at] = (token, sample);
        true
    }
}

export!(metric: Distinct);

#[cfg(test)]
mod tests {
    use curricle_guest::testing::{analyze, samples};
    use serde_json::json;

    use super::*;

    #[test]
    fn repeated_tokens_count_once_and_an_empty_sample_is_zero() {
        let chunk = samples::<u16>(0, &[&[1, 2, 1, 1], &[], &[7], &[1, 2, 3, 1]]);
        assert_eq!(analyze::<Distinct>(json!({}), &[chunk]).unwrap().values, [Values::F32(vec![0.5, 0.0, 1.0, 0.75])]);
        let chunk = samples::<u32>(0, &[&[u32::MAX, u32::MAX, 0, 5]]);
        assert_eq!(analyze::<Distinct>(json!({}), &[chunk]).unwrap().values, [Values::F32(vec![0.75])]);
    }
}
