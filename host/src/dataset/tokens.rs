//! What a token is made of, and the tokens of one sample.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::Deserialize;

use crate::{Error, Result};

/// How a token id is stored: an integer, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum TokenType {
    /// One byte, unsigned.
    U8,
    /// One byte, signed.
    I8,
    /// Two bytes, unsigned: what Megatron chooses for vocabularies under 65 500.
    U16,
    /// Two bytes, signed.
    I16,
    /// Four bytes, unsigned.
    U32,
    /// Four bytes, signed: what Megatron chooses for larger vocabularies.
    I32,
    /// Eight bytes, unsigned.
    U64,
    /// Eight bytes, signed.
    I64,
}

impl TokenType {
    /// All types, narrow ones first.
    pub const ALL: [TokenType; 8] =
        [TokenType::U8, TokenType::I8, TokenType::U16, TokenType::I16, TokenType::U32, TokenType::I32, TokenType::U64, TokenType::I64];

    /// Bytes a token: 1, 2, 4 or 8.
    pub const fn width(self) -> usize {
        match self {
            TokenType::U8 | TokenType::I8 => 1,
            TokenType::U16 | TokenType::I16 => 2,
            TokenType::U32 | TokenType::I32 => 4,
            TokenType::U64 | TokenType::I64 => 8,
        }
    }

    /// The name in messages, options and fingerprints, as numpy spells it: `uint16`.
    pub const fn name(self) -> &'static str {
        match self {
            TokenType::U8 => "uint8",
            TokenType::I8 => "int8",
            TokenType::U16 => "uint16",
            TokenType::I16 => "int16",
            TokenType::U32 => "uint32",
            TokenType::I32 => "int32",
            TokenType::U64 => "uint64",
            TokenType::I64 => "int64",
        }
    }

    /// Whether negative numbers can be stored.
    pub const fn is_signed(self) -> bool {
        matches!(self, TokenType::I8 | TokenType::I16 | TokenType::I32 | TokenType::I64)
    }

    /// Largest id that can be stored.
    pub const fn max_token(self) -> u64 {
        let bits = self.width() as u32 * 8 - self.is_signed() as u32;
        u64::MAX >> (64 - bits)
    }

    /// The narrowest type that holds every whole number from `min` to `max`, unsigned where none is negative; none if no type does.
    pub fn holding(min: i128, max: i128) -> Option<TokenType> {
        // The number that is farthest out; of a negative one its complement, since one more fits below zero than above.
        let far = if min < 0 { max.max(!min) } else { max };
        match (min < 0, far) {
            _ if min > max => None,
            (false, ..=0xff) => Some(TokenType::U8),
            (false, ..=0xffff) => Some(TokenType::U16),
            (false, ..=0xffff_ffff) => Some(TokenType::U32),
            (false, ..=0xffff_ffff_ffff_ffff) => Some(TokenType::U64),
            (true, ..=0x7f) => Some(TokenType::I8),
            (true, ..=0x7fff) => Some(TokenType::I16),
            (true, ..=0x7fff_ffff) => Some(TokenType::I32),
            (true, ..=0x7fff_ffff_ffff_ffff) => Some(TokenType::I64),
            _ => None,
        }
    }

    /// The bytes of a token id, or none if this type cannot hold it.
    pub(crate) fn encode(self, token: u64) -> Option<Vec<u8>> {
        (token <= self.max_token()).then(|| token.to_le_bytes().iter().copied().take(self.width()).collect())
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for TokenType {
    type Error = Error;

    fn try_from(text: String) -> Result<TokenType> {
        text.parse()
    }
}

impl FromStr for TokenType {
    type Err = Error;

    /// Reads a [name](TokenType::name), or its short form: `uint16` or `u16`.
    ///
    /// # Errors
    /// [`Error::Config`] that lists the names.
    fn from_str(text: &str) -> Result<TokenType> {
        let short = |t: TokenType| t.name().replace("uint", "u").replace("int", "i");
        TokenType::ALL.into_iter().find(|t| t.name() == text || short(*t) == text).ok_or_else(|| {
            Error::config(
                "token type",
                format_args!("`{}` is none", text.escape_debug()),
                "use one of `uint8`, `int8`, `uint16`, `int16`, `uint32`, `int32`, `uint64`, `int64`",
            )
        })
    }
}

/// Runs an expression with `$T` as the Rust type of a [`TokenType`].
macro_rules! with_type {
    ($token_type:expr, $T:ident => $body:expr) => {{
        macro_rules! as_type {
            ($rust:ty) => {{
                type $T = $rust;
                $body
            }};
        }
        match $token_type {
            TokenType::U8 => as_type!(u8),
            TokenType::I8 => as_type!(i8),
            TokenType::U16 => as_type!(u16),
            TokenType::I16 => as_type!(i16),
            TokenType::U32 => as_type!(u32),
            TokenType::I32 => as_type!(i32),
            TokenType::U64 => as_type!(u64),
            TokenType::I64 => as_type!(i64),
        }
    }};
}

/// The tokens of one sample: bytes in the mapped file where they can be had whole, else a copy.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens<'a> {
    token_type: TokenType,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Tokens<'a> {
    /// Tokens of the given type. Bytes beyond the last whole token are no token and are cut off.
    pub fn new(token_type: TokenType, bytes: impl Into<Cow<'a, [u8]>>) -> Tokens<'a> {
        let mut bytes = bytes.into();
        let whole = bytes.len() - bytes.len() % token_type.width();
        match &mut bytes {
            Cow::Borrowed(b) => *b = b.get(..whole).unwrap_or_default(),
            Cow::Owned(b) => b.truncate(whole),
        }
        Tokens { token_type, bytes }
    }

    /// How each token is stored.
    pub fn token_type(&self) -> TokenType {
        self.token_type
    }

    /// The tokens as they are stored: [`width`](TokenType::width) bytes each, little-endian, not aligned.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the bytes are those of the mapped file rather than a copy.
    pub fn is_borrowed(&self) -> bool {
        matches!(self.bytes, Cow::Borrowed(_))
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.token_type.width()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The token ids in order. An unsigned id over `i64::MAX` comes out negative, as no vocabulary reaches there and
    /// [`Dataset::verify`](crate::dataset::Dataset::verify) refuses it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        let token_type = self.token_type;
        self.bytes.chunks_exact(token_type.width()).map(move |token| decode(token_type, token))
    }

    /// Appends the token ids to `out`: [`iter`](Tokens::iter) in bulk.
    pub fn extend_into(&self, out: &mut Vec<i64>) {
        with_type!(self.token_type, T => out.extend(elements::<{ size_of::<T>() }>(&self.bytes).map(|b| T::from_le_bytes(b) as i64)));
    }
}

impl fmt::Debug for Tokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.token_type)?;
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The whole elements of a run of bytes.
fn elements<const WIDTH: usize>(bytes: &[u8]) -> impl ExactSizeIterator<Item = [u8; WIDTH]> {
    bytes.as_chunks::<WIDTH>().0.iter().copied()
}

/// One token; bytes that are too few are 0, which chunks of the right width never are.
pub(crate) fn decode(token_type: TokenType, token: &[u8]) -> i64 {
    with_type!(token_type, T => token.try_into().map_or(0, |b| T::from_le_bytes(b) as i64))
}

/// Position and value of the first token that is negative or not below `vocab_size`.
pub(crate) fn first_outside(token_type: TokenType, bytes: &[u8], vocab_size: Option<u64>) -> Option<(usize, i128)> {
    with_type!(token_type, T => {
        const WIDTH: usize = size_of::<T>();
        let (mut low, mut high) = (T::MAX, T::MIN);
        for b in elements::<WIDTH>(bytes) {
            let token = T::from_le_bytes(b);
            low = low.min(token);
            high = high.max(token);
        }
        // Of no vocabulary may a token be over what an `i64` holds.
        let bound = i128::from(vocab_size.unwrap_or(u64::MAX).min(1 << 63));
        // Two comparisons a run, and the search only where there is something to find.
        if bytes.is_empty() || (i128::from(low) >= 0 && i128::from(high) < bound) {
            return None;
        }
        elements::<WIDTH>(bytes).map(|b| i128::from(T::from_le_bytes(b))).enumerate().find(|(_, token)| *token < 0 || *token >= bound)
    })
}

/// Positions behind each token equal to `end`, counted in tokens from the start of `bytes`.
pub(crate) fn positions_after(token_type: TokenType, bytes: &[u8], end: u64) -> Vec<u64> {
    let Some(wanted) = token_type.encode(end) else { return Vec::new() };
    with_type!(token_type, T => {
        let Ok(wanted) = wanted.as_slice().try_into().map(T::from_le_bytes) else { return Vec::new() };
        (1u64..).zip(elements::<{ size_of::<T>() }>(bytes)).filter(|(_, b)| T::from_le_bytes(*b) == wanted).map(|(after, _)| after).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_knows_its_width_and_largest_id() {
        let found: Vec<_> = TokenType::ALL.iter().map(|t| (t.name(), t.width(), t.max_token())).collect();
        assert_eq!(
            found,
            [
                ("uint8", 1, 255),
                ("int8", 1, 127),
                ("uint16", 2, 65_535),
                ("int16", 2, 32_767),
                ("uint32", 4, u64::from(u32::MAX)),
                ("int32", 4, i32::MAX as u64),
                ("uint64", 8, u64::MAX),
                ("int64", 8, i64::MAX as u64),
            ]
        );
    }

    #[test]
    fn a_name_in_long_or_short_is_read_and_another_is_refused_with_the_list() {
        for t in TokenType::ALL {
            assert_eq!(t.name().parse::<TokenType>().unwrap(), t);
        }
        assert_eq!("u16".parse::<TokenType>().unwrap(), TokenType::U16);
        let message = "float32".parse::<TokenType>().unwrap_err().to_string();
        assert!(message.starts_with("token type: `float32` is none; use one of `uint8`"), "{message}");
    }

    #[test]
    fn tokens_iterate_in_bulk_and_one_by_one_alike() {
        let bytes: Vec<u8> = [1i16, -2, 300].iter().flat_map(|t| t.to_le_bytes()).collect();
        let tokens = Tokens::new(TokenType::I16, bytes.as_slice());
        assert_eq!(tokens.iter().collect::<Vec<_>>(), [1, -2, 300]);
        let mut bulk = vec![7];
        tokens.extend_into(&mut bulk);
        assert_eq!(bulk, [7, 1, -2, 300]);
        assert_eq!(format!("{tokens:?}"), "int16 [1, -2, 300]");
    }

    #[test]
    fn the_narrowest_type_changes_exactly_where_the_next_number_would_not_fit() {
        let i = |power: u32| 1i128 << power;
        for (min, max, expected) in [
            (0, 255, Some(TokenType::U8)),
            (0, 256, Some(TokenType::U16)),
            (0, 65_535, Some(TokenType::U16)),
            (0, 65_536, Some(TokenType::U32)),
            (7, i(32) - 1, Some(TokenType::U32)),
            (7, i(32), Some(TokenType::U64)),
            (0, i(64) - 1, Some(TokenType::U64)),
            (0, i(64), None),
            (-128, 127, Some(TokenType::I8)),
            (-129, 0, Some(TokenType::I16)),
            (-1, 128, Some(TokenType::I16)),
            (-32_768, 32_767, Some(TokenType::I16)),
            (-32_769, 0, Some(TokenType::I32)),
            (-i(31), i(31) - 1, Some(TokenType::I32)),
            (-1, i(31), Some(TokenType::I64)),
            (-i(63), i(63) - 1, Some(TokenType::I64)),
            (-i(63) - 1, 0, None),
            (-1, i(63), None),
            (1, 0, None),
        ] {
            assert_eq!(TokenType::holding(min, max), expected, "{min}..={max}");
        }
    }

    #[test]
    fn a_torn_token_at_the_end_is_cut_off() {
        assert_eq!(Tokens::new(TokenType::U32, &[1, 0, 0, 0, 9][..]).iter().collect::<Vec<_>>(), [1]);
        assert_eq!(Tokens::new(TokenType::U32, vec![1, 0, 0, 0, 9]).len(), 1);
    }

    #[test]
    fn the_first_token_outside_the_vocabulary_is_found() {
        let bytes: Vec<u8> = [5i32, 6, -1, 9].iter().flat_map(|t| t.to_le_bytes()).collect();
        assert_eq!(first_outside(TokenType::I32, &bytes, None), Some((2, -1)));
        assert_eq!(first_outside(TokenType::I32, &bytes[..8], Some(6)), Some((1, 6)));
        assert_eq!(first_outside(TokenType::I32, &bytes[..8], Some(7)), None);
        assert_eq!(first_outside(TokenType::U64, &u64::MAX.to_le_bytes(), None), Some((0, i128::from(u64::MAX))));
        assert_eq!(first_outside(TokenType::U8, &[], Some(1)), None);
    }
}
