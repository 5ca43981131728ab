//! Keyed numbers: where every random choice of a stream comes from. What they return is part of what makes runs repeatable and never changes.

/// A bijection of 64 bits in which every bit of the argument decides every bit of the result: the finalizer of SplitMix64 (Steele, Lea and
/// Flood, "Fast Splittable Pseudorandom Number Generators", 2014, with Stafford's 13th set of constants).
#[inline]
pub(super) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The number at a position of the sequence of a key.
#[inline]
pub(super) fn at(key: u64, position: u64) -> u64 {
    mix(mix(position ^ key).wrapping_add(key))
}

/// The `i`-th state of SplitMix64 from `key` on, finalized.
#[inline]
pub(super) fn nth(key: u64, i: u64) -> u64 {
    mix(key.wrapping_add(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(i.wrapping_add(1))))
}

/// A random number below `len`, from 64 random bits: the upper half of their product (Lemire, "Fast Random Integer Generation in an
/// Interval", 2019, without the rejection). No number is more likely than another by more than `len` / 2^64.
#[inline]
pub(super) fn below(len: u64, bits: u64) -> u64 {
    ((u128::from(len) * u128::from(bits)) >> 64) as u64
}
