//! Vectors of counts as the partial results of a metric: added up place by place, whatever their lengths.
//!
//! The bytes are the counts from place 0 on, 8 little-endian bytes each. A metric that counts in `accumulate` hands out
//! [`to_bytes`] in `partial`, and its `merge` is [`merge`]:
//!
//! ```
//! use curricle_guest::{Metric, Needs, NoConfig, Result, Samples, sums};
//!
//! /// How many samples there are of each length, up to 99 tokens.
//! #[derive(Default)]
//! struct Lengths(Vec<u64>);
//!
//! impl Metric for Lengths {
//!     type Config = NoConfig;
//!     const NEEDS: Needs = Needs { tokens: false, ..Needs::TOTALS };
//!
//!     fn configure(_: NoConfig) -> Result<Self> {
//!         Ok(Lengths(vec![0; 100]))
//!     }
//!     fn accumulate(&mut self, _: u32, samples: &Samples) -> Result<()> {
//!         samples.lengths().for_each(|length| self.0[(length as usize).min(99)] += 1);
//!         Ok(())
//!     }
//!     fn partial(&mut self, _: u32) -> Vec<u8> {
//!         sums::to_bytes(&std::mem::replace(&mut self.0, vec![0; 100]))
//!     }
//!     fn merge(&mut self, _: u32, partials: &[Vec<u8>]) -> Result<Vec<u8>> {
//!         Ok(sums::merge(partials))
//!     }
//!     fn finish(&mut self, _: u32, merged: &[u8]) -> Result<()> {
//!         self.0 = sums::from_bytes(merged);
//!         Ok(())
//!     }
//!     fn totals(&mut self) -> Vec<f64> {
//!         sums::to_totals(&self.0)
//!     }
//! }
//! ```

/// Counts as bytes.
pub fn to_bytes(counts: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 * counts.len());
    counts.iter().for_each(|count| bytes.extend_from_slice(&count.to_le_bytes()));
    bytes
}

/// Bytes as counts; an incomplete count at the end is left out.
pub fn from_bytes(bytes: &[u8]) -> Vec<u64> {
    let (counts, _) = bytes.as_chunks();
    counts.iter().map(|&count| u64::from_le_bytes(count)).collect()
}

/// The sums of counts by place, as many as the longest has. A sum that would pass 2^64 stays there.
pub fn merge<T: AsRef<[u8]>>(partials: &[T]) -> Vec<u8> {
    let mut sums: Vec<u64> = Vec::new();
    for partial in partials {
        let (counts, _) = partial.as_ref().as_chunks();
        if sums.len() < counts.len() {
            sums.resize(counts.len(), 0);
        }
        sums.iter_mut().zip(counts).for_each(|(sum, &count)| *sum = sum.saturating_add(u64::from_le_bytes(count)));
    }
    to_bytes(&sums)
}

/// Counts as totals, exact up to 2^53.
pub fn to_totals(counts: &[u64]) -> Vec<f64> {
    counts.iter().map(|&count| count as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back_from_their_bytes_and_add_up() {
        let bytes = to_bytes(&[1, 0, u64::MAX]);
        assert_eq!(from_bytes(&bytes), [1, 0, u64::MAX]);
        let merged = merge(&[to_bytes(&[1, 2]), Vec::new(), to_bytes(&[10, u64::MAX, 30])]);
        assert_eq!(from_bytes(&merged), [11, u64::MAX, 30]);
        assert_eq!(to_totals(&from_bytes(&merged[..16])), [11.0, u64::MAX as f64]);
    }
}
