//! A shuffle that is computed, not stored.

use super::{
    lanes::{self, Lane, MAX_ROUNDS, Network},
    random,
};

/// Longest order that is laid out: so few numbers have too few keys for rounds to reach their orders equally often.
const LISTED: usize = 64;

/// A random-looking order of the numbers below some length, as a function of a key: any place of it is computed directly, in nanoseconds and
/// without memory. The same length and key give the same order on every machine.
///
/// With k the number of bits of `len` − 1, a round is a bijection of the numbers below 2^k: add a key, multiply by an odd key, and xor the
/// upper half into the lower one. Several rounds make a permutation of these, and one that leads out of the range is followed until it comes
/// back ("cycle walking": Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002), which takes less than one more step on average.
/// It is made to pass statistical tests, not to keep a secret. Up to 64 numbers are shuffled instead (Durstenfeld, "Algorithm 235: Random
/// permutation", 1964) into a table of 64 bytes.
#[derive(Clone, Debug)]
pub struct Permutation {
    len: u64,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Listed([u8; LISTED]),
    Narrow(Network<u32>),
    Wide(Network<u64>),
}

impl Permutation {
    /// The permutation of 0..`len` that `key` names. A length of 0 is taken for 1; at most 2^63.
    pub fn new(len: u64, key: u64) -> Permutation {
        let len = len.clamp(1, 1 << 63);
        if len <= LISTED as u64 {
            Permutation { len, form: Form::Listed(listed(len as usize, key)) }
        } else {
            Permutation::of_rounds(len, key, rounds)
        }
    }

    /// Number of places.
    #[expect(clippy::len_without_is_empty, reason = "a permutation is never empty")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// What stands at place `i`, taken modulo the length.
    #[inline]
    pub fn get(&self, i: u64) -> u64 {
        let i = if i < self.len { i } else { i % self.len };
        match &self.form {
            Form::Listed(list) => list.get(i as usize).map_or(0, |x| u64::from(*x)),
            Form::Narrow(network) => network.get(i),
            Form::Wide(network) => network.get(i),
        }
    }

    /// What stands at the places from `start` on, as many as `out` has room for; past the end it begins again.
    pub fn fill(&self, start: u64, out: &mut [u64]) {
        self.fill_with(start, out, lanes::fill_narrow, lanes::fill_wide);
    }

    /// As [`fill`](Permutation::fill), without instructions that only some processors have.
    #[cfg(test)]
    pub(super) fn fill_portable(&self, start: u64, out: &mut [u64]) {
        self.fill_with(start, out, lanes::fill_portable, lanes::fill_portable);
    }

    /// With another number of rounds than is right, to show that the tests notice.
    #[cfg(test)]
    pub(super) fn with_rounds(len: u64, key: u64, rounds: usize) -> Permutation {
        Permutation::of_rounds(len, key, |_| rounds)
    }

    #[inline]
    fn fill_with(
        &self,
        start: u64,
        mut out: &mut [u64],
        narrow: impl Fn(&Network<u32>, u64, &mut [u64]),
        wide: impl Fn(&Network<u64>, u64, &mut [u64]),
    ) {
        let mut start = if start < self.len { start } else { start % self.len };
        while !out.is_empty() {
            let count = usize::try_from(self.len - start).unwrap_or(usize::MAX).min(out.len());
            let (part, later) = out.split_at_mut(count);
            match &self.form {
                Form::Listed(list) => part.iter_mut().zip(&list[start as usize..]).for_each(|(out, x)| *out = u64::from(*x)),
                Form::Narrow(network) => narrow(network, start, part),
                Form::Wide(network) => wide(network, start, part),
            }
            (start, out) = (0, later);
        }
    }

    fn of_rounds(len: u64, key: u64, rounds: impl Fn(u32) -> usize) -> Permutation {
        let bits = u64::BITS - (len - 1).leading_zeros();
        let rounds = rounds(bits);
        let form = if bits <= 32 { Form::Narrow(network(len, bits, rounds, key)) } else { Form::Wide(network(len, bits, rounds, key)) };
        Permutation { len, form }
    }
}

/// Rounds for a number of bits: the fewest that pass the tests in `battery.rs`, and at least one more.
fn rounds(bits: u32) -> usize {
    match bits {
        0..16 => MAX_ROUNDS,
        16..24 => 6,
        _ => 5,
    }
}

fn network<L: Lane>(len: u64, bits: u32, rounds: usize, key: u64) -> Network<L> {
    let mut keys = [(L::default(), L::default()); MAX_ROUNDS];
    for (i, pair) in keys.iter_mut().enumerate().take(rounds) {
        let (add, multiply) = (random::nth(key, 2 * i as u64), random::nth(key, 2 * i as u64 + 1));
        // 3 or 5 modulo 8, so that no factor is 1 or close to it where there are few bits.
        let odd = if multiply & 4 == 0 { 3 } else { 5 };
        *pair = (L::low(add), L::low(multiply & !7 | odd));
    }
    let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    Network { keys, rounds, mask: L::low(mask), last: L::low(len - 1), shift: bits.div_ceil(2) }
}

fn listed(len: usize, key: u64) -> [u8; LISTED] {
    let mut list: [u8; LISTED] = std::array::from_fn(|i| i as u8);
    for i in (1..len.min(LISTED)).rev() {
        list.swap(i, random::below(i as u64 + 1, random::nth(key, i as u64)) as usize);
    }
    list
}
