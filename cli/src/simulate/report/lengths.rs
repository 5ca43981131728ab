//! Lengths in numbers as few as are needed for percentiles.

use super::bins::Merge;

/// Lengths below it have a count of their own; above, 32 counts share each doubling.
const EXACT: u32 = 64;
const SHARED: u32 = 32;

/// How many samples have which length, to within 1/32.
#[derive(Clone, Debug, Default)]
pub(super) struct Lengths {
    counts: Vec<u32>,
    n: u64,
    sum: u64,
}

impl Lengths {
    pub(super) fn add(&mut self, length: u32) {
        let place = place(length);
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] = self.counts[place].saturating_add(1);
        self.n += 1;
        self.sum += u64::from(length);
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum as f64 / self.n as f64)
    }

    /// The smallest length that at least `percent` of a hundred samples are not longer than, or up to 1/32 less.
    pub(super) fn percentile(&self, percent: u64) -> Option<u32> {
        let wanted = (self.n * percent).div_ceil(100).max(1);
        let mut before = 0;
        for (place, count) in self.counts.iter().enumerate() {
            before += u64::from(*count);
            if before >= wanted {
                return Some(first(place));
            }
        }
        None
    }

    /// The first length of each count that is not 0, and the count.
    pub(super) fn histogram(&self) -> impl Iterator<Item = (u32, u32)> {
        self.counts.iter().enumerate().filter(|(_, n)| **n > 0).map(|(place, n)| (first(place), *n))
    }
}

impl Merge for Lengths {
    fn merge(&mut self, later: Lengths) {
        self.counts.resize(self.counts.len().max(later.counts.len()), 0);
        self.counts.iter_mut().zip(later.counts).for_each(|(count, more)| *count = count.saturating_add(more));
        self.n += later.n;
        self.sum += later.sum;
    }
}

fn place(length: u32) -> usize {
    if length < EXACT {
        return length as usize;
    }
    let doublings = length.ilog2() - EXACT.ilog2();
    let within = (length >> (doublings + EXACT.ilog2() - SHARED.ilog2())) - SHARED;
    (EXACT + doublings * SHARED + within) as usize
}

fn first(place: usize) -> u32 {
    let place = place as u32;
    if place < EXACT {
        return place;
    }
    let (doublings, within) = ((place - EXACT) / SHARED, (place - EXACT) % SHARED);
    (SHARED + within) << (doublings + EXACT.ilog2() - SHARED.ilog2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_has_a_place_whose_first_is_no_more_than_a_thirty_second_below() {
        let mut last = 0;
        for length in (0..5000).chain([65_535, 65_536, 1 << 20, 3_000_000_000, u32::MAX]) {
            let place = place(length);
            assert!(place >= last && first(place) <= length, "{length}");
            assert!(length - first(place) <= length / 32, "{length} is counted as {}", first(place));
            last = place;
        }
    }

    #[test]
    fn percentiles_are_those_of_the_lengths() {
        let mut lengths = Lengths::default();
        (1..=50).for_each(|n| lengths.add(n));
        assert_eq!([0, 10, 50, 100].map(|percent| lengths.percentile(percent).unwrap()), [1, 5, 25, 50]);
        assert_eq!(lengths.mean(), Some(25.5));
        assert_eq!(Lengths::default().percentile(50), None);
    }
}
