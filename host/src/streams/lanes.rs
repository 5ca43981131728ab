//! The rounds of a permutation over many numbers at once. Only integers, so every processor computes the same.

#[cfg(target_arch = "x86_64")]
use crate::cpu::{Vectors, features};

/// Most rounds that any length needs.
pub(super) const MAX_ROUNDS: usize = 8;
/// Numbers that go through the rounds together, while they fit into registers.
const GROUP: usize = 32;
/// Numbers whose walks are finished together.
const BLOCK: usize = 512;
/// Fewer than this are computed one by one.
const FEW: usize = 16;

/// An unsigned integer of the width that the length needs.
pub(super) trait Lane: Copy + Default + Ord + std::fmt::Debug + Send + Sync {
    /// The low bits.
    fn low(x: u64) -> Self;
    fn widen(self) -> u64;
    fn round(self, add: Self, multiply: Self, mask: Self, shift: u32) -> Self;
}

macro_rules! lane {
    ($int:ty) => {
        impl Lane for $int {
            #[inline(always)]
            fn low(x: u64) -> Self {
                x as $int
            }
            #[inline(always)]
            fn widen(self) -> u64 {
                u64::from(self)
            }
            #[inline(always)]
            fn round(self, add: Self, multiply: Self, mask: Self, shift: u32) -> Self {
                let x = self.wrapping_add(add).wrapping_mul(multiply) & mask;
                x ^ (x >> shift)
            }
        }
    };
}
lane!(u32);
lane!(u64);

/// A keyed permutation of the numbers up to `mask`, and the part of them that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Network<L> {
    /// To add and to multiply by, for each round.
    pub(super) keys: [(L, L); MAX_ROUNDS],
    pub(super) rounds: usize,
    /// 2^k − 1.
    pub(super) mask: L,
    /// The largest number of the range: less than 2^k, and at least half of it.
    pub(super) last: L,
    /// Less than the width of `L`.
    pub(super) shift: u32,
}

impl<L: Lane> Network<L> {
    #[inline]
    pub(super) fn get(&self, i: u64) -> u64 {
        let mut x = L::low(i);
        loop {
            for (add, multiply) in self.keys.iter().take(self.rounds) {
                x = x.round(*add, *multiply, self.mask, self.shift);
            }
            if x <= self.last {
                return x.widen();
            }
        }
    }

    /// One step for a group, written so that it compiles to vector instructions.
    #[inline(always)]
    fn step(&self, group: &mut [L; GROUP]) {
        // A copy, so that nothing the group could alias is read in the loop.
        let (mask, shift) = (self.mask, self.shift);
        let mut x = *group;
        for (add, multiply) in self.keys.iter().take(self.rounds) {
            for lane in &mut x {
                *lane = lane.round(*add, *multiply, mask, shift);
            }
        }
        *group = x;
    }

    #[inline(always)]
    fn fill(&self, start: u64, out: &mut [u64]) {
        if out.len() < FEW {
            out.iter_mut().enumerate().for_each(|(i, x)| *x = self.get(start + i as u64));
            return;
        }
        let mut numbers = [L::default(); BLOCK];
        let mut walking = [0u16; BLOCK];
        let mut start = start;
        for out in out.chunks_mut(BLOCK) {
            for (i, x) in numbers.iter_mut().enumerate() {
                *x = L::low(start + i as u64);
            }
            for group in numbers.as_chunks_mut::<GROUP>().0.iter_mut().take(out.len().div_ceil(GROUP)) {
                self.step(group);
            }
            let mut count = 0;
            for (i, (out, x)) in out.iter_mut().zip(&numbers).enumerate() {
                *out = x.widen();
                // Written always and kept sometimes: whether a number is in the range is as random as a coin.
                walking[count] = i as u16;
                count += usize::from(*x > self.last);
            }
            while count > 0 {
                for (x, place) in numbers.iter_mut().zip(&walking[..count]) {
                    *x = L::low(out[usize::from(*place)]);
                }
                for group in numbers.as_chunks_mut::<GROUP>().0.iter_mut().take(count.div_ceil(GROUP)) {
                    self.step(group);
                }
                let mut left = 0;
                for (i, x) in numbers.iter().enumerate().take(count) {
                    let place = walking[i];
                    out[usize::from(place)] = x.widen();
                    walking[left] = place;
                    left += usize::from(*x > self.last);
                }
                count = left;
            }
            start += out.len() as u64;
        }
    }
}

/// Fills `out` with what stands at the places from `start` on, with the instructions that every processor has.
pub(super) fn fill_portable<L: Lane>(network: &Network<L>, start: u64, out: &mut [u64]) {
    network.fill(start, out);
}

macro_rules! dispatched {
    ($name:ident, $lane:ty) => {
        /// As [`fill_portable`], with the widest instructions that this processor has.
        pub(super) fn $name(network: &Network<$lane>, start: u64, out: &mut [u64]) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2(network: &Network<$lane>, start: u64, out: &mut [u64]) {
                    network.fill(start, out);
                }
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
                fn avx512(network: &Network<$lane>, start: u64, out: &mut [u64]) {
                    network.fill(start, out);
                }
                if out.len() >= FEW {
                    match features().vectors {
                        // SAFETY: the processor has these instructions.
                        Vectors::Avx512 => return unsafe { avx512(network, start, out) },
                        // SAFETY: the processor has these instructions.
                        Vectors::Avx2 => return unsafe { avx2(network, start, out) },
                        Vectors::Baseline => {}
                    }
                }
            }
            fill_portable(network, start, out);
        }
    };
}
dispatched!(fill_narrow, u32);
dispatched!(fill_wide, u64);
