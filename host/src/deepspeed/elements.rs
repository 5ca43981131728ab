//! Integers of any type, as bytes and as numbers.

use crate::dataset::TokenType;

/// Bytes of the widest number.
const WIDE: usize = 16;

/// Appends a number that the type [holds](TokenType::holding).
pub(super) fn put(token_type: TokenType, number: i128, out: &mut Vec<u8>) {
    out.extend(number.to_le_bytes().iter().take(token_type.width()));
}

/// The number in the bytes of one element.
pub(super) fn number(token_type: TokenType, element: &[u8]) -> i128 {
    let negative = token_type.is_signed() && element.last().is_some_and(|top| top & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; WIDE];
    wide.iter_mut().zip(element).for_each(|(to, from)| *to = *from);
    i128::from_le_bytes(wide)
}

/// The numbers in the bytes of an item.
pub(super) fn numbers(token_type: TokenType, item: &[u8]) -> impl Iterator<Item = i128> + '_ {
    item.chunks_exact(token_type.width()).map(move |element| number(token_type, element))
}
