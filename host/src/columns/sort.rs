//! Sample ids in ascending order of a value, with bounded memory.
//!
//! Values of 10^9 samples do not fit into memory beside a trainer, but mapped they can be read several times. So the keys are counted by
//! their leading bits, which cuts them into ranges of a few million samples; each range is gathered, sorted and passed on.

use rayon::prelude::*;

use super::value::Number;
use crate::{Result, threads::shared};

/// Samples read at a time by one thread.
const BLOCK: usize = 1 << 16;
/// Blocks that are gathered before their entries are joined: bounds what waits, 16 bytes an entry.
const BLOCKS: usize = 16;
/// Samples sorted at a time, 64 MiB at 16 bytes an entry. Each such range reads all values once more, so beyond 2^28 samples it grows to
/// keep the number of ranges near 64.
const RANGE: usize = 1 << 22;
/// Leading bits that are counted at a time.
const DIGIT: u32 = 16;

/// Passes the ids of `values`, in ascending order of the value and of the id, to `sink`, at most 2^16 at a time.
pub(super) fn order<T: Number>(values: &[T], sink: &mut dyn FnMut(&[u64]) -> Result<()>) -> Result<()> {
    let range = RANGE.max(values.len() / 64);
    if T::KEY_BITS <= 32 && values.len() <= 1 << 32 {
        Sort::<T, u64> { values, range, entries: Vec::new() }.visit(0, T::KEY_BITS, sink)
    } else {
        Sort::<T, (u64, u64)> { values, range, entries: Vec::new() }.visit(0, T::KEY_BITS, sink)
    }
}

/// A key and an id, compared in this order.
trait Entry: Copy + Ord + Send {
    fn new(key: u64, id: u64) -> Self;
    fn id(self) -> u64;
}

impl Entry for (u64, u64) {
    fn new(key: u64, id: u64) -> Self {
        (key, id)
    }
    fn id(self) -> u64 {
        self.1
    }
}

/// Both halves of 32 bits.
impl Entry for u64 {
    fn new(key: u64, id: u64) -> Self {
        key << 32 | id
    }
    fn id(self) -> u64 {
        self & 0xffff_ffff
    }
}

struct Sort<'a, T, E> {
    values: &'a [T],
    range: usize,
    entries: Vec<E>,
}

impl<T: Number, E: Entry> Sort<'_, T, E> {
    /// Passes on the samples whose keys differ from `low` in the last `bits` bits only.
    fn visit(&mut self, low: u64, bits: u32, sink: &mut dyn FnMut(&[u64]) -> Result<()>) -> Result<()> {
        let shift = bits.saturating_sub(DIGIT);
        let counts = self.count(low, bits, shift);
        let key_of = |digit: usize| low | (digit as u64) << shift;
        let last_of = |digit: usize| key_of(digit) | ((1u64 << shift) - 1);
        let mut digit = 0;
        while digit < counts.len() {
            let mut end = digit + 1;
            let mut total = counts[digit];
            while end < counts.len() && total + counts[end] <= self.range {
                total += counts[end];
                end += 1;
            }
            if total == 0 {
            } else if total <= self.range {
                self.gather(key_of(digit), last_of(end - 1), total, sink)?;
            } else if shift == 0 {
                self.equal(key_of(digit), sink)?;
            } else {
                self.visit(key_of(digit), shift, sink)?;
            }
            digit = end;
        }
        Ok(())
    }

    fn count(&self, low: u64, bits: u32, shift: u32) -> Vec<usize> {
        let digits = 1usize << (bits - shift);
        let count = |mut counts: Vec<usize>, block: &[T]| {
            for value in block {
                let distance = value.key() ^ low;
                if distance.checked_shr(bits).unwrap_or(0) == 0 {
                    counts[(distance >> shift) as usize] += 1;
                }
            }
            counts
        };
        let join = |mut a: Vec<usize>, b: Vec<usize>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        // A few large pieces, since each brings its own counts; sums do not depend on the cut.
        let piece = (self.values.len() / 64).next_multiple_of(BLOCK).max(BLOCK * 16);
        shared(|| self.values.par_chunks(piece).map(|piece| count(vec![0; digits], piece)).reduce(|| vec![0; digits], join))
    }

    fn gather(&mut self, low: u64, last: u64, total: usize, sink: &mut dyn FnMut(&[u64]) -> Result<()>) -> Result<()> {
        self.entries.clear();
        self.entries.reserve(total);
        for (group, values) in self.values.chunks(BLOCK * BLOCKS).enumerate() {
            let gather = |(block, values): (usize, &[T])| {
                let first = (group * BLOCKS + block) * BLOCK;
                let found = values.iter().enumerate().map(|(i, v)| (v.key(), (first + i) as u64));
                found.filter(|(key, _)| low <= *key && *key <= last).map(|(key, id)| E::new(key, id)).collect::<Vec<_>>()
            };
            let parts: Vec<Vec<E>> = shared(|| values.par_chunks(BLOCK).enumerate().map(gather).collect());
            parts.iter().for_each(|part| self.entries.extend(part));
        }
        shared(|| self.entries.par_sort_unstable());
        let mut ids = Vec::with_capacity(BLOCK);
        for entries in self.entries.chunks(BLOCK) {
            ids.clear();
            ids.extend(entries.iter().map(|e| e.id()));
            sink(&ids)?;
        }
        Ok(())
    }

    /// More samples of one key than can be sorted at a time: they are in order as they stand.
    fn equal(&self, key: u64, sink: &mut dyn FnMut(&[u64]) -> Result<()>) -> Result<()> {
        let mut ids = Vec::with_capacity(BLOCK);
        for (block, values) in self.values.chunks(BLOCK).enumerate() {
            ids.clear();
            ids.extend(values.iter().enumerate().filter(|(_, v)| v.key() == key).map(|(i, _)| (block * BLOCK + i) as u64));
            sink(&ids)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted_by<T: Number, E: Entry>(values: &[T], range: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        let mut sort = Sort::<T, E> { values, range, entries: Vec::new() };
        sort.visit(0, T::KEY_BITS, &mut |part| {
            ids.extend_from_slice(part);
            Ok(())
        })
        .unwrap();
        ids
    }

    fn expected<T: Number>(values: &[T]) -> Vec<u64> {
        let mut ids: Vec<u64> = (0..values.len() as u64).collect();
        ids.sort_by(|a, b| values[*a as usize].partial_cmp(&values[*b as usize]).unwrap());
        ids
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn ranges_of_any_size_give_the_stable_order(
            floats in prop::collection::vec(prop_oneof![-2.0..2.0f64, Just(0.0), Just(-0.0), Just(f64::INFINITY), Just(1.0)], 1..300),
            ints in prop::collection::vec(0..40u32, 1..300),
            range in 1..50usize,
        ) {
            let narrow: Vec<f32> = floats.iter().map(|v| *v as f32).collect();
            prop_assert_eq!(sorted_by::<_, (u64, u64)>(&floats, range), expected(&floats));
            prop_assert_eq!(sorted_by::<_, u64>(&narrow, range), expected(&narrow));
            prop_assert_eq!(sorted_by::<_, u64>(&ints, range), expected(&ints));
            prop_assert_eq!(sorted_by::<_, (u64, u64)>(&ints, range), expected(&ints));
        }
    }
}
