//! Steps in bins: as few as a picture has room for, however many steps come, and nothing narrow is lost in them.

/// Most bins; half as many or more once there are that many steps.
pub(super) const MOST: usize = 1024;

/// What can be joined with the same of later steps.
pub(super) trait Merge: Default {
    /// Takes in what came later.
    fn merge(&mut self, later: Self);
}

/// Something for each of equally many consecutive steps. When the bins are full, neighbours are joined, so that what comes out depends on the
/// steps alone.
#[derive(Debug)]
pub(super) struct Bins<T> {
    span: u64,
    steps: u64,
    bins: Vec<T>,
}

impl<T: Merge> Bins<T> {
    pub(super) fn new() -> Bins<T> {
        Bins { span: 1, steps: 0, bins: vec![T::default()] }
    }

    /// The bin of the next step.
    pub(super) fn next(&mut self) -> &mut T {
        if self.steps > 0 && self.steps.is_multiple_of(self.span) {
            if self.bins.len() == MOST {
                self.halve();
            }
            if self.steps.is_multiple_of(self.span) {
                self.bins.push(T::default());
            }
        }
        self.steps += 1;
        let last = self.bins.len() - 1;
        &mut self.bins[last]
    }

    fn halve(&mut self) {
        let mut joined = Vec::with_capacity(MOST);
        let mut bins = std::mem::take(&mut self.bins).into_iter();
        while let Some(mut bin) = bins.next() {
            if let Some(later) = bins.next() {
                bin.merge(later);
            }
            joined.push(bin);
        }
        self.bins = joined;
        self.span *= 2;
    }

    /// Steps of a bin; the last may have fewer.
    pub(super) fn span(&self) -> u64 {
        self.span
    }

    /// Steps so far.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.bins.iter()
    }
}

/// Smallest, largest and mean of some numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    pub(super) low: f64,
    pub(super) high: f64,
    sum: f64,
    n: u64,
}

impl Default for Band {
    fn default() -> Band {
        Band { low: f64::INFINITY, high: f64::NEG_INFINITY, sum: 0.0, n: 0 }
    }
}

impl Band {
    pub(super) fn add(&mut self, value: f64) {
        self.merge(Band { low: value, high: value, sum: value, n: 1 });
    }

    /// None where there were no numbers.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }
}

impl Merge for Band {
    fn merge(&mut self, later: Band) {
        self.low = self.low.min(later.low);
        self.high = self.high.max(later.high);
        self.sum += later.sum;
        self.n += later.n;
    }
}

/// Adds up lists of counts, of which either may be longer.
pub(super) fn add(sums: &mut Vec<u64>, more: &[u64]) {
    sums.resize(sums.len().max(more.len()), 0);
    for (sum, n) in sums.iter_mut().zip(more) {
        *sum += n;
    }
}

/// Values of which percentiles are asked: all of them, or every so many if there are millions.
#[derive(Debug)]
pub(super) struct Spread {
    every: u64,
    n: u64,
    kept: Vec<u64>,
    most: u64,
}

impl Spread {
    const KEPT: usize = 1 << 20;

    pub(super) fn new() -> Spread {
        Spread { every: 1, n: 0, kept: Vec::new(), most: 0 }
    }

    pub(super) fn add(&mut self, value: u64) {
        if self.n.is_multiple_of(self.every) {
            if self.kept.len() == Spread::KEPT {
                let mut odd = true;
                self.kept.retain(|_| {
                    odd = !odd;
                    !odd
                });
                self.every *= 2;
            }
            if self.n.is_multiple_of(self.every) {
                self.kept.push(value);
            }
        }
        self.n += 1;
        self.most = self.most.max(value);
    }

    /// The 50th, 90th and 99th percentile, and the largest of all; none without values.
    pub(super) fn percentiles(&self) -> Option<[u64; 4]> {
        let mut sorted = self.kept.clone();
        sorted.sort_unstable();
        let at = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1).copied();
        Some([at(50)?, at(90)?, at(99)?, self.most])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_few_and_a_single_peak_stays_in_them() {
        for steps in [1u64, 1023, 1024, 1025, 5000, 100_000] {
            let mut bins: Bins<Band> = Bins::new();
            for step in 0..steps {
                bins.next().add(if step == steps / 3 { 99.0 } else { 1.0 });
            }
            let n = bins.iter().len();
            assert!(n <= MOST && (n as u64 == steps || n >= MOST / 2), "{steps} steps, {n} bins");
            assert_eq!(n as u64, steps.div_ceil(bins.span()));
            let peak = bins.iter().position(|band| band.high == 99.0).unwrap();
            assert_eq!(peak as u64, steps / 3 / bins.span());
            assert_eq!(bins.iter().map(|band| band.n).sum::<u64>(), steps);
        }
    }

    #[test]
    fn percentiles_of_millions_are_close_and_the_largest_is_exact() {
        let mut spread = Spread::new();
        let n = 3_000_000;
        (0..n).for_each(|i| spread.add((i * 7919) % n));
        let [p50, p90, p99, most] = spread.percentiles().unwrap();
        for (found, percent) in [(p50, 50), (p90, 90), (p99, 99)] {
            assert!(found.abs_diff(n * percent / 100) < n / 500, "{percent}: {found}");
        }
        assert_eq!(most, n - 1);
        assert_eq!(Spread::new().percentiles(), None);
    }
}
