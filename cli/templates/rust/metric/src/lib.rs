//! {{summary}}.

use curricle_guest::{Error, Metric, NoConfig, Result, Samples, Token, Tokens, Values, export};

/// Token ids must be below this; it keeps one damaged token from claiming gigabytes.
const VOCABULARY: usize = 1 << 24;

/// The metric at work.
#[derive(Default)]
pub struct {{Name}} {
    /// By token id: number of the sample that it was last seen in.
    last: Vec<u32>,
    /// Number of the sample in hand, from 1.
    sample: u32,
}

impl Metric for {{Name}} {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self> {
        Ok(Self::default())
    }

    fn measure(&mut self, samples: &Samples) -> Result<Values> {
        match samples.tokens() {
            Tokens::U8(tokens) => self.shares(samples, tokens),
            Tokens::U16(tokens) => self.shares(samples, tokens),
            Tokens::U32(tokens) => self.shares(samples, tokens),
        }
    }
}

impl {{Name}} {
    fn shares<T: Token>(&mut self, samples: &Samples, tokens: &[T]) -> Result<Values> {
        let shares: Result<Vec<f32>> = samples
            .split(tokens)
            .map(|sample| self.share(sample))
            .collect();
        Ok(shares?.into())
    }

    fn share<T: Token>(&mut self, sample: &[T]) -> Result<f32> {
        let Some(largest) = sample.iter().map(|token| token.index()).max() else {
            return Ok(0.0);
        };
        if largest >= VOCABULARY {
            return Err(Error::data(format!(
                "token {largest} is not below {VOCABULARY}"
            )));
        }
        self.last.resize(self.last.len().max(largest + 1), 0);
        self.sample = self.sample.wrapping_add(1);
        if self.sample == 0 {
            self.last.fill(0);
            self.sample = 1;
        }
        let mut distinct = 0;
        for token in sample {
            let last = &mut self.last[token.index()];
            distinct += u32::from(*last != self.sample);
            *last = self.sample;
        }
        Ok(distinct as f32 / sample.len() as f32)
    }
}

export!(metric: {{Name}});

#[cfg(test)]
mod tests {
    use curricle_guest::testing::{analyze, samples};
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_the_share_of_distinct_tokens() {
        let chunk = samples::<u16>(0, &[&[1, 2, 300, 4], &[5, 5, 5, 5], &[]]);
        let found = analyze::<{{Name}}>(json!({}), &[chunk]).unwrap();
        assert_eq!(found.values, [Values::F32(vec![1.0, 0.25, 0.0])]);
    }
}
