#![doc = include_str!("../README.md")]

use curricle_guest::{ConfigSchema, Metric, Needs, Result, Samples, Token, Tokens, Values, export};
use serde::Deserialize;

/// Its configuration.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Token that fills samples up and is not counted.
    pad_token: Option<u32>,
}

/// Length of each sample, in tokens.
#[derive(Debug)]
pub struct SeqLen {
    pad_token: Option<u32>,
}

impl Metric for SeqLen {
    type Config = Config;

    fn needs(&self) -> Needs {
        if self.pad_token.is_some() { Needs::TOKENS } else { Needs::LENGTHS }
    }

    fn configure(config: Config) -> Result<Self> {
        Ok(SeqLen { pad_token: config.pad_token })
    }

    fn measure(&mut self, samples: &Samples) -> Result<Values> {
        let Some(pad) = self.pad_token else { return Ok(samples.lengths().collect::<Vec<u32>>().into()) };
        let lengths = match samples.tokens() {
            Tokens::U8(tokens) => u8::try_from(pad).ok().map(|pad| lengths(samples, tokens, pad)),
            Tokens::U16(tokens) => u16::try_from(pad).ok().map(|pad| lengths(samples, tokens, pad)),
            Tokens::U32(tokens) => Some(lengths(samples, tokens, pad)),
        };
        // A token that does not fit the width occurs nowhere.
        Ok(lengths.unwrap_or_else(|| samples.lengths().collect()).into())
    }
}

/// Tokens other than `pad` of each sample.
fn lengths<T: Token + PartialEq>(samples: &Samples, tokens: &[T], pad: T) -> Vec<u32> {
    samples.split(tokens).map(|sample| sample.iter().map(|&token| u32::from(token != pad)).sum()).collect()
}

export!(metric: SeqLen);

#[cfg(test)]
mod tests {
    use curricle_guest::testing::{analyze, samples};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sample_is_as_long_as_its_tokens_are_many() {
        let chunks = [samples::<u16>(0, &[&[1, 2, 3], &[], &[7]]), samples::<u16>(3, &[&[5, 5]])];
        let analysis = analyze::<SeqLen>(json!({}), &chunks).unwrap();
        assert_eq!(analysis.values, [Values::U32(vec![3, 0, 1]), Values::U32(vec![2])]);
        assert!(!SeqLen { pad_token: None }.needs().tokens);
    }

    #[test]
    fn padding_is_not_counted_wherever_it_stands() {
        let of = |chunk: Samples, pad: u32| analyze::<SeqLen>(json!({"pad-token": pad}), &[chunk]).unwrap().values;
        assert_eq!(of(samples::<u8>(0, &[&[1, 0, 3, 0, 0], &[], &[0]]), 0), [Values::U32(vec![2, 0, 0])]);
        assert_eq!(of(samples::<u16>(0, &[&[300, 9], &[300]]), 300), [Values::U32(vec![1, 0])]);
        assert_eq!(of(samples::<u32>(0, &[&[70_000, 9], &[1]]), 70_000), [Values::U32(vec![1, 1])]);
        assert_eq!(of(samples::<u8>(0, &[&[44, 44]]), 300), [Values::U32(vec![2])]);
    }
}
