//! Samples that fall into shorter sequences: a curriculum of lengths that keeps what cutting samples off would lose.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, dataset::Tokens};

/// Pieces of a micro-batch at most: as a global batch has samples at most. More would be lists that no machine has the memory for.
const MAX_PIECES: usize = 1 << 24;

/// Into which sequences the samples of a global batch fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Tokens of a piece; at least 1.
    pub length: u32,
    /// Which pieces the trainer gets.
    pub keep: Keep,
}

/// Which pieces of its samples a micro-batch keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// All, sample by sample; the last of a sample may be shorter. No token is lost and none comes twice.
    #[default]
    All,
    /// Rows of one length only, for samples of one length: first the whole pieces of every sample; then, where something is left over of
    /// each, the last `length` tokens of as many samples as make the rows hold at least as many tokens as the samples did. So Megatron-
    /// DeepSpeed's recipe `seqlen_reshape` does it, which then also drops the last of an odd number of rows; that is not done here.
    Rows,
}

impl Pieces {
    /// As one number for the digest of a plan: the length and what is kept.
    pub(super) fn code(self) -> u64 {
        u64::from(self.length) | u64::from(self.keep == Keep::Rows) << 32
    }

    /// Calls `each` with number and length of the sequences that `n_samples` samples of `n` tokens each come to. With [`Keep::Rows`] they
    /// are counted as if one micro-batch held all, so that the numbers do not depend on how the batch is divided.
    pub(crate) fn count(self, n_samples: u64, n: u32, mut each: impl FnMut(u64, u32)) {
        match self.keep {
            Keep::All => {
                let (whole, rest) = (n / self.length.max(1), n % self.length.max(1));
                if whole > 0 {
                    each(n_samples.saturating_mul(u64::from(whole)), self.length);
                }
                if rest > 0 || n == 0 {
                    each(n_samples, rest);
                }
            }
            Keep::Rows => {
                let row = n.min(self.length).max(1);
                each(n_samples.saturating_mul(u64::from(n)).div_ceil(u64::from(row)), row);
            }
        }
    }

    /// The sequences of these samples, each cut to `longest` tokens before, with the id of its sample.
    ///
    /// # Errors
    /// [`Error::Data`] if there are more of them than memory should be asked for.
    pub(super) fn cut<'s>(self, ids: &[u64], samples: &'s [Tokens<'_>], longest: Option<u32>) -> Result<(Vec<u64>, Vec<Tokens<'s>>)> {
        let size = self.length.max(1) as usize;
        let longest = longest.map_or(usize::MAX, |n| n as usize);
        let n_pieces = samples.iter().fold(0usize, |n, sample| n.saturating_add(sample.len().min(longest).div_ceil(size)));
        if n_pieces > MAX_PIECES {
            let problem = format!("a micro-batch falls into {n_pieces} pieces of {size} tokens, at most {MAX_PIECES} are made");
            return Err(Error::data(problem, "let the pacing function of `reshape` begin higher, or choose a smaller `micro-batch-size`"));
        }
        let samples = || ids.iter().zip(samples).map(|(&id, sample)| (id, sample, sample.len().min(longest)));
        Ok(match self.keep {
            Keep::All => samples()
                .flat_map(|(id, sample, n)| (0..n.div_ceil(size).max(1)).map(move |i| (id, part(sample, i * size, n.min((i + 1) * size)))))
                .unzip(),
            Keep::Rows => {
                let whole = samples().flat_map(|(id, sample, n)| {
                    let size = size.min(n.max(1));
                    (0..n / size).map(move |i| (id, part(sample, i * size, (i + 1) * size)))
                });
                let ends = samples().filter(|(_, _, n)| *n > size).map(|(id, sample, n)| (id, part(sample, n - size, n)));
                let left: usize = samples().filter(|(_, _, n)| *n > size).map(|(_, _, n)| n % size).sum();
                whole.chain(ends.take(left.div_ceil(size))).unzip()
            }
        })
    }
}

/// Tokens `start..end` of a sample, which has at least `end`.
fn part<'s>(sample: &'s Tokens<'_>, start: usize, end: usize) -> Tokens<'s> {
    let width = sample.token_type().width();
    Tokens::new(sample.token_type(), sample.bytes().get(start * width..end * width).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::TokenType;

    fn cut(pieces: Pieces, samples: &[Vec<u8>], longest: Option<u32>) -> Vec<(u64, Vec<u8>)> {
        let ids: Vec<u64> = (0..samples.len() as u64).collect();
        let samples: Vec<Tokens<'_>> = samples.iter().map(|s| Tokens::new(TokenType::U8, s.as_slice())).collect();
        let (ids, pieces) = pieces.cut(&ids, &samples, longest).unwrap();
        ids.into_iter().zip(pieces.iter().map(|p| p.bytes().to_vec())).collect()
    }

    #[test]
    fn all_pieces_of_a_sample_follow_one_another_and_the_last_may_be_shorter() {
        let samples = [vec![1, 2, 3, 4, 5, 6, 7], vec![8], vec![]];
        let pieces = Pieces { length: 3, keep: Keep::All };
        let expected: [(u64, &[u8]); 5] = [(0, &[1, 2, 3]), (0, &[4, 5, 6]), (0, &[7]), (1, &[8]), (2, &[])];
        assert_eq!(cut(pieces, &samples, None), expected.map(|(id, p)| (id, p.to_vec())));
        let expected: [(u64, &[u8]); 4] = [(0, &[1, 2, 3]), (0, &[4, 5]), (1, &[8]), (2, &[])];
        assert_eq!(cut(pieces, &samples, Some(5)), expected.map(|(id, p)| (id, p.to_vec())));
    }

    #[test]
    fn rows_are_whole_pieces_first_and_then_the_ends_of_as_many_samples_as_the_tokens_left_over_fill() {
        // 4 samples of 7 tokens, rows of 3: 8 whole pieces and 4 tokens left over, which are two rows.
        let samples: Vec<Vec<u8>> = (0..4).map(|s| (0..7).map(|t| 10 * s + t).collect()).collect();
        let rows = cut(Pieces { length: 3, keep: Keep::Rows }, &samples, None);
        assert_eq!(rows.len(), 28usize.div_ceil(3));
        assert_eq!(rows[..2], [(0, vec![0, 1, 2]), (0, vec![3, 4, 5])]);
        assert_eq!(rows[8..], [(0, vec![4, 5, 6]), (1, vec![14, 15, 16])]);
        // Samples that are no longer than a row stay whole.
        assert_eq!(cut(Pieces { length: 9, keep: Keep::Rows }, &samples, None).len(), 4);
        assert_eq!(cut(Pieces { length: 7, keep: Keep::Rows }, &samples, None).len(), 4);
    }

    #[test]
    fn more_pieces_than_memory_should_be_asked_for_are_refused() {
        let bytes = vec![0; 3 << 20];
        let samples: Vec<Tokens<'_>> = (0..6).map(|_| Tokens::new(TokenType::U8, bytes.as_slice())).collect();
        let pieces = Pieces { length: 1, keep: Keep::All };
        assert_eq!(
            pieces.cut(&[0; 6], &samples, None).unwrap_err().to_string(),
            "a micro-batch falls into 18874368 pieces of 1 tokens, at most 16777216 are made; let the pacing function of `reshape` begin \
             higher, or choose a smaller `micro-batch-size`"
        );
        assert_eq!(pieces.cut(&[0; 6], &samples, Some(9)).unwrap().0.len(), 54);
    }

    proptest! {
        #[test]
        fn sequences_are_counted_as_they_are_cut(n_samples in 1usize..6, n in 1usize..40, length in 1u32..45, longest in proptest::option::of(1u32..50), rows: bool) {
            let pieces = Pieces { length, keep: if rows { Keep::Rows } else { Keep::All } };
            let mut counted = Vec::new();
            pieces.count(n_samples as u64, (n as u32).min(longest.unwrap_or(u32::MAX)), |count, n| {
                counted.extend(std::iter::repeat_n(n as usize, count as usize));
            });
            let mut cut: Vec<usize> = cut(pieces, &vec![vec![7; n]; n_samples], longest).into_iter().map(|(_, p)| p.len()).collect();
            cut.sort_unstable();
            counted.sort_unstable();
            prop_assert_eq!(cut, counted);
        }
    }
}
