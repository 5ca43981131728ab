#![doc = include_str!("../README.md")]

use curricle_guest::{Metric, Needs, NoConfig, Result, Samples, Values, export};

/// Length of each sample, in tokens.
#[derive(Debug)]
pub struct SeqLen;

impl Metric for SeqLen {
    type Config = NoConfig;

    const NEEDS: Needs = Needs::LENGTHS;

    fn configure(_: NoConfig) -> Result<Self> {
        Ok(SeqLen)
    }

    fn measure(&mut self, samples: &Samples) -> Result<Values> {
        Ok(samples.lengths().collect::<Vec<u32>>().into())
    }
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
    }
}
