//! What a sample is: a document, or a run of tokens of fixed length.

/// How samples are cut out of the tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// A sample is a document: an item of a `.bin`/`.idx` pair, a row of a list column or of a two-dimensional array, a run up to the
    /// token that ends documents. Lengths differ.
    #[default]
    Documents,
    /// A sample is a run of tokens of fixed length over the concatenation of all documents; what is left at the end is dropped.
    ///
    /// Sample i is the tokens `i * stride .. i * stride + length`. For next-token prediction without losing a token take `length` one
    /// more than `stride`, 2049 and 2048 say: the last token of a sample is the first of the next.
    Sequences {
        /// Tokens a sample; at least 1.
        length: u32,
        /// Tokens from the start of a sample to the start of the next; at least 1, usually `length` or one less.
        stride: u32,
    },
}

impl View {
    /// Sequences that neither overlap nor leave gaps.
    pub const fn sequences(length: u32) -> View {
        View::Sequences { length, stride: length }
    }
}

/// Number of whole sequences in `n_tokens` tokens; `length` and `stride` are at least 1.
pub(crate) fn n_sequences(n_tokens: u64, length: u32, stride: u32) -> u64 {
    n_tokens.checked_sub(u64::from(length)).map_or(0, |rest| rest / u64::from(stride.max(1)) + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_remainder_is_dropped() {
        assert_eq!(n_sequences(9, 10, 10), 0);
        assert_eq!(n_sequences(10, 10, 10), 1);
        assert_eq!(n_sequences(29, 10, 10), 2);
        assert_eq!(n_sequences(2049 + 2048, 2049, 2048), 2);
        assert_eq!(n_sequences(2048 + 2048, 2049, 2048), 1);
        assert_eq!(n_sequences(u64::MAX, 1, 1), u64::MAX);
    }

    proptest! {
        #[test]
        fn the_last_sequence_fits_and_one_more_would_not(n in 0u64..1 << 40, length in 1u32.., stride in 1u32..) {
            let count = n_sequences(n, length, stride);
            let end = |i: u64| u128::from(i) * u128::from(stride) + u128::from(length);
            prop_assert!(count == 0 || end(count - 1) <= u128::from(n));
            prop_assert!(end(count) > u128::from(n));
        }
    }
}
