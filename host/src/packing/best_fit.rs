use std::collections::BTreeMap;

use super::{by_length, numbering};

/// Puts each sample, long ones first, into the bin that it leaves the least room in. The answer has the bin of each sample, numbered by the
/// first sample in each; `None` if a sample fits no bin.
///
/// Of several bins with the least room the one that got a sample last is taken, and of equally long samples the last goes first. O(n) where
/// the capacity is below 2^16 or 8 times the number of samples, O(n log n) above, where bins lie in a tree; both give the same bins.
pub(crate) fn best_fit_decreasing(lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Option<Vec<u32>> {
    const LISTED: usize = 1 << 16;
    u32::try_from(lengths.len()).ok()?;
    let max_samples = max_samples.unwrap_or(u32::MAX).max(1);
    if (capacity as usize) < LISTED.max(lengths.len().saturating_mul(8)) {
        place(lengths, capacity, max_samples, Listed::new(capacity))
    } else {
        place(lengths, capacity, max_samples, Tree::default())
    }
}

fn place(lengths: &[u32], capacity: u32, max_samples: u32, mut open: impl OpenBins) -> Option<Vec<u32>> {
    let order = by_length::ascending(lengths);
    let shortest = order.first().and_then(|&i| lengths.get(i as usize)).copied().unwrap_or(0);
    let mut bins = vec![0; lengths.len()];
    let mut samples: Vec<u32> = Vec::new();
    for &sample in order.iter().rev() {
        let length = *lengths.get(sample as usize)?;
        let (room, bin) = open.take(length).unwrap_or_else(|| {
            samples.push(0);
            // No more bins than samples, which are counted in 32 bits.
            (capacity, samples.len() as u32 - 1)
        });
        let left = room.checked_sub(length)?;
        let held = samples.get_mut(bin as usize)?;
        *held += 1;
        if left >= shortest && *held < max_samples {
            open.put(left, bin);
        }
        *bins.get_mut(sample as usize)? = bin;
    }
    numbering::by_first_use(&mut bins, samples.len());
    Some(bins)
}

/// Bins that take more, by the room they have. Of several with the same room the one that was put last is taken first.
trait OpenBins {
    fn put(&mut self, room: u32, bin: u32);

    /// Takes out the bin with the least room of at least `length`, together with that room.
    fn take(&mut self, length: u32) -> Option<(u32, u32)>;
}

const NONE: u32 = u32::MAX;

/// A list of bins for each room, and a bit for each list that has any.
#[derive(Debug)]
struct Listed {
    first: Vec<u32>,
    /// By bin the one behind it in its list.
    next: Vec<u32>,
    any: Bits,
}

impl Listed {
    fn new(capacity: u32) -> Listed {
        let rooms = capacity as usize + 1;
        Listed { first: vec![NONE; rooms], next: Vec::new(), any: Bits::new(rooms) }
    }
}

impl OpenBins for Listed {
    fn put(&mut self, room: u32, bin: u32) {
        let Some(first) = self.first.get_mut(room as usize) else { return };
        let behind = std::mem::replace(first, bin);
        if behind == NONE {
            self.any.set(room as usize);
        }
        if self.next.len() <= bin as usize {
            self.next.resize(bin as usize + 1, NONE);
        }
        if let Some(next) = self.next.get_mut(bin as usize) {
            *next = behind;
        }
    }

    fn take(&mut self, length: u32) -> Option<(u32, u32)> {
        let room = self.any.first_from(length as usize)?;
        let first = self.first.get_mut(room)?;
        let bin = std::mem::replace(first, *self.next.get(*first as usize)?);
        if *first == NONE {
            self.any.clear(room);
        }
        Some((room as u32, bin))
    }
}

/// As [`Listed`], in memory that does not grow with the capacity.
#[derive(Debug, Default)]
struct Tree {
    bins: BTreeMap<u32, Vec<u32>>,
}

impl OpenBins for Tree {
    fn put(&mut self, room: u32, bin: u32) {
        self.bins.entry(room).or_default().push(bin);
    }

    fn take(&mut self, length: u32) -> Option<(u32, u32)> {
        let (&room, bins) = self.bins.range_mut(length..).next()?;
        let bin = bins.pop()?;
        if bins.is_empty() {
            self.bins.remove(&room);
        }
        Some((room, bin))
    }
}

/// A set of numbers that finds the next of them: words of 64 bits, over them words that say which words have any, and so on.
#[derive(Debug)]
struct Bits {
    levels: Vec<Vec<u64>>,
}

impl Bits {
    fn new(len: usize) -> Bits {
        let mut levels = Vec::new();
        let mut words = len;
        loop {
            words = words.div_ceil(64);
            levels.push(vec![0; words]);
            if words <= 1 {
                return Bits { levels };
            }
        }
    }

    fn set(&mut self, mut i: usize) {
        for level in &mut self.levels {
            let Some(word) = level.get_mut(i / 64) else { return };
            let had_any = *word != 0;
            *word |= 1 << (i % 64);
            if had_any {
                return;
            }
            i /= 64;
        }
    }

    fn clear(&mut self, mut i: usize) {
        for level in &mut self.levels {
            let Some(word) = level.get_mut(i / 64) else { return };
            *word &= !(1 << (i % 64));
            if *word != 0 {
                return;
            }
            i /= 64;
        }
    }

    /// The least member that is not below `from`.
    fn first_from(&self, mut from: usize) -> Option<usize> {
        for (height, level) in self.levels.iter().enumerate() {
            let here = level.get(from / 64)? & (u64::MAX << (from % 64));
            if here != 0 {
                let mut found = from / 64 * 64 + here.trailing_zeros() as usize;
                for below in self.levels.iter().take(height).rev() {
                    found = found * 64 + below.get(found)?.trailing_zeros() as usize;
                }
                return Some(found);
            }
            from = from / 64 + 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_tree_give_the_same_bins() {
        let mut state = 1u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for (n, capacity, max_samples) in [(0, 10, 4), (1, 1, 1), (500, 100, u32::MAX), (2_000, 5_000, 3), (3_000, 70_000, u32::MAX)] {
            let lengths: Vec<u32> = (0..n).map(|_| 1 + random(u64::from(capacity)) as u32).collect();
            let listed = place(&lengths, capacity, max_samples, Listed::new(capacity)).unwrap();
            assert_eq!(listed, place(&lengths, capacity, max_samples, Tree::default()).unwrap());
        }
    }

    #[test]
    fn the_next_member_is_found_over_all_levels() {
        let mut bits = Bits::new(300_000);
        for i in [0, 63, 64, 4_095, 4_096, 262_143, 299_999] {
            bits.set(i);
        }
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(i) = bits.first_from(from) {
            found.push(i);
            from = i + 1;
        }
        assert_eq!(found, [0, 63, 64, 4_095, 4_096, 262_143, 299_999]);
        bits.clear(4_096);
        assert_eq!(bits.first_from(4_096), Some(262_143));
    }
}
