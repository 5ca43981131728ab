//! How samples are laid out for a metric, and what tokens may be.

use std::borrow::Cow;

use super::outline::Outline;
use crate::{
    Error, Result,
    dataset::{TokenType, first_outside},
};

/// Metrics are given token ids below this.
const BEYOND: u64 = 1 << 32;

/// Begins the offsets of a chunk.
pub(super) fn begin(offsets: &mut Vec<u32>) {
    offsets.clear();
    offsets.push(0);
}

/// Adds to the offsets of a chunk those of as many of the next samples as it may hold: so many that there are `most` tokens, whose sum fits 32
/// bits; one sample in any case. Gives their number.
pub(super) fn extend(offsets: &mut Vec<u32>, lens: &[u32], most: u64) -> usize {
    let most = most.min(u64::from(u32::MAX));
    let before = offsets.len();
    let mut end = offsets.last().copied().unwrap_or(0);
    for len in lens {
        let next = end.checked_add(*len).filter(|next| offsets.len() == 1 || u64::from(*next) <= most);
        let Some(next) = next else { break };
        offsets.push(next);
        end = next;
    }
    offsets.len() - before
}

/// Bytes of a token as metrics see it.
pub(super) fn shown_width(outline: &Outline) -> usize {
    outline.token_type().width().min(4)
}

/// Whether the tokens of consecutive samples, given as `token_type`, are non-negative, of at most 32 bits, within the vocabulary and of the type
/// of the dataset.
pub(super) fn check(outline: &Outline, token_type: TokenType, first: u64, lens: &[u32], bytes: &[u8]) -> Result<()> {
    let stored = outline.token_type();
    let bound = outline.vocab_size().unwrap_or(u64::MAX).min(BEYOND).min(stored.max_token().saturating_add(1));
    if bound > token_type.max_token() && !token_type.is_signed() {
        return Ok(());
    }
    let Some((at, token)) = first_outside(token_type, bytes, Some(bound)) else { return Ok(()) };
    let (sample, place) = locate(lens, at);
    let expected = match outline.vocab_size() {
        Some(vocab_size) if token >= 0 && token >= i128::from(vocab_size) => format!("the vocabulary has {vocab_size}"),
        _ if token < 0 => "a token id is not negative".to_owned(),
        _ if token >= i128::from(BEYOND) => "metrics are given token ids of 32 bits".to_owned(),
        _ => format!("the dataset's tokens are {stored}"),
    };
    let problem = format!("sample {}, token {place}: the token id is {token}, and {expected}", first.saturating_add(sample));
    Err(Error::dataset(outline.name(), problem, "check the vocabulary size and the token type, or tokenize again"))
}

/// In which sample a token is, and at which place there.
fn locate(lens: &[u32], at: usize) -> (u64, u64) {
    let mut place = at as u64;
    for (sample, len) in (0u64..).zip(lens) {
        match place.checked_sub(u64::from(*len)) {
            Some(behind) => place = behind,
            None => return (sample, place),
        }
    }
    (lens.len() as u64, place)
}

/// Tokens of `from` bytes, which were found to fit, as tokens of `to` bytes. Tokens that are not negative look the same signed and unsigned.
pub(super) fn resize(from: usize, to: usize, bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    fn copy<const FROM: usize, const TO: usize>(bytes: &[u8]) -> Vec<u8> {
        let tokens = bytes.as_chunks::<FROM>().0;
        let mut copied = vec![0; tokens.len() * TO];
        for (to, from) in copied.as_chunks_mut::<TO>().0.iter_mut().zip(tokens) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        copied
    }
    Cow::Owned(match (from, to) {
        (1, 2) => copy::<1, 2>(&bytes),
        (1, 4) => copy::<1, 4>(&bytes),
        (2, 1) => copy::<2, 1>(&bytes),
        (2, 4) => copy::<2, 4>(&bytes),
        (4, 1) => copy::<4, 1>(&bytes),
        (4, 2) => copy::<4, 2>(&bytes),
        (8, 1) => copy::<8, 1>(&bytes),
        (8, 2) => copy::<8, 2>(&bytes),
        (8, 4) => copy::<8, 4>(&bytes),
        _ => return bytes,
    })
}
