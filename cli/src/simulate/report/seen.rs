//! How often each sample was given out.

use std::collections::BTreeMap;

/// Samples that have a counter of their own at most: 256 MiB of bytes.
pub(super) const COUNTED: u64 = 1 << 28;
/// Counters that are wide enough for anything.
const WIDE: u64 = 1 << 25;

/// A counter for every sample, or for every so many.
#[derive(Debug)]
pub(super) struct Seen {
    every: u64,
    counters: Counters,
    samples: u64,
    unseen: u64,
}

#[derive(Debug)]
enum Counters {
    Wide(Vec<u32>),
    /// 255 stands for itself and more.
    Narrow(Vec<u8>),
}

impl Seen {
    /// Counters for `samples` samples, of which at most `counted` are counted, evenly spaced.
    pub(super) fn new(samples: u64, counted: u64) -> Seen {
        let every = samples.div_ceil(counted.max(1)).max(1);
        let n = samples.div_ceil(every);
        // No more than `counted`.
        let counters = if n <= WIDE { Counters::Wide(vec![0; n as usize]) } else { Counters::Narrow(vec![0; n as usize]) };
        Seen { every, counters, samples, unseen: n }
    }

    /// Counts samples.
    pub(super) fn add(&mut self, ids: &[u64]) {
        let (every, unseen) = (self.every, &mut self.unseen);
        match &mut self.counters {
            Counters::Wide(counters) => count(counters, every, ids, unseen, u32::saturating_add),
            Counters::Narrow(counters) => count(counters, every, ids, unseen, u8::saturating_add),
        }
    }

    /// Share of the samples that were never given out so far.
    pub(super) fn unseen(&self) -> f64 {
        self.unseen as f64 / self.counted().max(1) as f64
    }

    /// Samples with a counter.
    pub(super) fn counted(&self) -> u64 {
        match &self.counters {
            Counters::Wide(counters) => counters.len() as u64,
            Counters::Narrow(counters) => counters.len() as u64,
        }
    }

    /// Number of samples that were given out so often.
    pub(super) fn histogram(&self) -> BTreeMap<u32, u64> {
        let mut histogram = BTreeMap::new();
        match &self.counters {
            Counters::Wide(counters) => counters.iter().for_each(|n| *histogram.entry(*n).or_insert(0) += 1),
            Counters::Narrow(counters) => {
                let mut of = [0u64; 256];
                counters.iter().for_each(|n| of[usize::from(*n)] += 1);
                histogram.extend((0..).zip(of).filter(|(_, n)| *n > 0));
            }
        }
        histogram
    }

    /// How exact it is, for a person.
    pub(super) fn in_words(&self) -> String {
        let most = match &self.counters {
            Counters::Narrow(counters) if counters.contains(&u8::MAX) => " 255 stands for 255 and more.",
            _ => "",
        };
        if self.every == 1 {
            return format!("Exact: every sample is counted.{most}");
        }
        let counted = self.counted();
        // Of a share p of n: 1.96 · √(p (1 − p) / n), largest at a half.
        let off = 98.0 / (counted as f64).sqrt();
        format!("Estimated from {counted} of {} samples, evenly spaced: ± {off:.2} percentage points at most (95 %).{most}", self.samples)
    }
}

fn count<T: Copy + Default + PartialEq + From<u8>>(counters: &mut [T], every: u64, ids: &[u64], unseen: &mut u64, add: fn(T, T) -> T) {
    let (zero, one) = (T::default(), T::from(1));
    let mut one_more = |place: u64| {
        if let Some(counter) = counters.get_mut(place as usize) {
            *unseen -= u64::from(*counter == zero);
            *counter = add(*counter, one);
        }
    };
    match every {
        1 => ids.iter().for_each(|id| one_more(*id)),
        _ => ids.iter().filter(|id| id.is_multiple_of(every)).for_each(|id| one_more(id / every)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_counted_and_those_never_given_out_too() {
        let mut seen = Seen::new(6, COUNTED);
        seen.add(&[0, 1, 1, 5]);
        seen.add(&[1]);
        assert_eq!(seen.histogram().into_iter().collect::<Vec<_>>(), [(0, 3), (1, 2), (3, 1)]);
        assert_eq!(seen.unseen(), 0.5);
        assert_eq!(seen.in_words(), "Exact: every sample is counted.");
    }

    #[test]
    fn counters_that_are_too_many_are_an_estimate_that_says_so() {
        let mut seen = Seen::new(10_001, 1000);
        let ids: Vec<u64> = (0..10_001).filter(|id| id % 5 != 1).collect();
        seen.add(&ids);
        assert_eq!(seen.counted(), 910);
        assert!((seen.unseen() - 0.2).abs() < 0.01, "{}", seen.unseen());
        let words = "Estimated from 910 of 10001 samples, evenly spaced: ± 3.25 percentage points at most (95 %).";
        assert_eq!(seen.in_words(), words);
    }
}
