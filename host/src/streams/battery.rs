//! Statistical tests of the orders: whether a permutation can be told from a random one by what a trainer would notice.
//!
//! Every test gives a number that is about standard normal for random permutations, summed over many consecutive keys. The keys are fixed,
//! so a test passes always or never; and permutations that are known to be bad must fail, so that passing means something.

use std::collections::BTreeMap;

use super::{permutation::Permutation, random};

/// Lengths around the widths where something changes, powers of two and others.
const LENGTHS: [u64; 18] = [
    23,
    64,
    100,
    256,
    257,
    1000,
    4096,
    5000,
    32_768,
    40_000,
    65_536,
    65_537,
    1_000_003,
    1 << 24,
    100_000_000,
    1 << 32,
    (1 << 32) + 1,
    3_000_000_000_000,
];
/// Standard deviations that random permutations do not reach: among some 200 numbers, 5 has a chance of 10^-4.
const SUSPICIOUS: f64 = 5.0;
const KEYS: u64 = 256;
const WINDOW: u64 = 2048;
const BINS: usize = 16;

/// What stands at the places start..start + count of the permutation of a length under a key.
type Make = dyn Fn(u64, u64, u64, usize) -> Vec<u64>;

fn ours(len: u64, key: u64, start: u64, count: usize) -> Vec<u64> {
    let mut out = vec![0; count];
    Permutation::new(len, key).fill(start, &mut out);
    out
}

fn with_rounds(rounds: usize) -> impl Fn(u64, u64, u64, usize) -> Vec<u64> {
    move |len, key, start, count| {
        let mut out = vec![0; count];
        Permutation::with_rounds(len, key, rounds).fill(start, &mut out);
        out
    }
}

/// i ↦ a i + b, with a coprime to the length: a permutation that many would take for a shuffle.
fn affine(len: u64, key: u64, start: u64, count: usize) -> Vec<u64> {
    let gcd = |mut a: u64, mut b: u64| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let a = (0..).map(|i| random::nth(key, i) % len).find(|a| gcd(*a, len) == 1).unwrap();
    let b = random::nth(key, 1000) % len;
    let at = |i: u64| ((u128::from(a) * u128::from(i) + u128::from(b)) % u128::from(len)) as u64;
    (start..).take(count).map(at).collect()
}

/// A sum of squares that are each about 1, as standard deviations.
#[derive(Default)]
struct Squares {
    sum: f64,
    count: f64,
}

impl Squares {
    fn add(&mut self, square: f64, degrees: f64) {
        self.sum += square;
        self.count += degrees;
    }

    fn deviation(&self) -> f64 {
        // Wilson and Hilferty: the cube root is nearly normal, in the tails too.
        let spread = 2.0 / (9.0 * self.count);
        ((self.sum / self.count).cbrt() - (1.0 - spread)) / spread.sqrt()
    }
}

/// Counts in bins, against what independent draws from `sizes` lead to expect: chi-square and degrees of freedom.
fn spread(counts: &[u64], sizes: &[u64]) -> (f64, f64) {
    let (drawn, all) = (counts.iter().sum::<u64>() as f64, sizes.iter().sum::<u64>() as f64);
    let square = |(count, size): (&u64, &u64)| {
        let expected = drawn * *size as f64 / all;
        (*count as f64 - expected).powi(2) / expected
    };
    (counts.iter().zip(sizes).map(square).sum(), counts.len() as f64 - 1.0)
}

/// As [`spread`], but drawn from `sizes` without replacement, which spreads more evenly.
fn spread_once(counts: &[u64], sizes: &[u64]) -> (f64, f64) {
    let (drawn, all) = (counts.iter().sum::<u64>() as f64, sizes.iter().sum::<u64>() as f64);
    let (square, degrees) = spread(counts, sizes);
    (square * (all - 1.0) / (all - drawn), degrees)
}

fn bin(x: u64, len: u64) -> usize {
    (u128::from(x) * BINS as u128 / u128::from(len)) as usize
}

fn bin_sizes(len: u64) -> Vec<u64> {
    let first = |bin: usize| (bin as u128 * u128::from(len)).div_ceil(BINS as u128) as u64;
    (0..BINS).map(|bin| first(bin + 1) - first(bin)).collect()
}

/// All tests of one length, by name, in standard deviations.
fn battery(make: &Make, len: u64) -> BTreeMap<&'static str, f64> {
    // Half of a small range: all of it would be spread evenly by any permutation.
    let window = WINDOW.min(len / 2);
    let sizes = bin_sizes(len);
    // The step from a number to the next is never 0.
    let mut step_sizes = sizes.clone();
    step_sizes[0] -= 1;
    let mut squares: BTreeMap<&'static str, Squares> = BTreeMap::new();
    let [mut first, mut third, mut between_keys] = [(); 3].map(|()| vec![0u64; BINS]);
    let mut last = None;
    for key in 0..KEYS {
        let mut add = |name, (square, degrees): (f64, f64)| squares.entry(name).or_default().add(square, degrees);
        for (from, name) in [(0, "shards at the start"), (len / 2, "shards in the middle")] {
            let drawn = make(len, key, from, window as usize);
            let mut counts = vec![0u64; BINS];
            drawn.iter().for_each(|x| counts[bin(*x, len)] += 1);
            add(name, spread_once(&counts, &sizes));
            let bits = u64::BITS - len.leading_zeros();
            for (bit, name) in [(0, "parity"), (1, "second bit"), (bits / 2, "middle bit")] {
                let all = (len >> (bit + 1) << bit) + (len & ((2 << bit) - 1)).saturating_sub(1 << bit);
                let ones: u64 = drawn.iter().map(|x| x >> bit & 1).sum();
                add(name, spread_once(&[ones, window - ones], &[all, len - all]));
            }
            let mut steps = vec![0u64; BINS];
            drawn.as_chunks::<2>().0.iter().for_each(|[a, b]| steps[bin((b + len - a) % len, len)] += 1);
            add("steps", spread(&steps, &step_sizes));
            let mut patterns = [0u64; 8];
            let pattern = |a, b, c| usize::from(a < b) << 2 | usize::from(b < c) << 1 | usize::from(a < c);
            drawn.as_chunks::<3>().0.iter().for_each(|[a, b, c]| patterns[pattern(a, b, c)] += 1);
            // The other two contradict themselves.
            add("patterns of three", spread(&[0, 2, 3, 4, 5, 7].map(|p: usize| patterns[p]), &[1; 6]));
            if bits > 11 && from == 0 {
                // Places that differ in one high bit have the most in common when they enter the rounds.
                let far = make(len, key, 1 << (bits - 2), window as usize);
                let mut steps = vec![0u64; BINS];
                drawn.iter().zip(&far).for_each(|(a, b)| steps[bin((b + len - a) % len, len)] += 1);
                add("far steps", spread(&steps, &step_sizes));
                for bit in [0, bits / 2] {
                    let differ: u64 = drawn.iter().zip(&far).map(|(a, b)| (a ^ b) >> bit & 1).sum();
                    add("far bits", spread(&[differ, window - differ], &[1, 1]));
                }
            }
            for lag in [1, 2, 3, 4, 8, 64] {
                add("serial correlation", correlation(&drawn[..WINDOW.min(len / 32) as usize], lag, len));
            }
        }
        let place = |i| make(len, key, i, 1)[0];
        first[bin(place(0), len)] += 1;
        third[bin(place(len / 3), len)] += 1;
        if let Some(last) = last.replace(place(0)) {
            between_keys[bin((place(0) + len - last) % len, len)] += 1;
        }
    }
    for (name, counts) in [("first over keys", first), ("a third over keys", third), ("from key to key", between_keys)] {
        let (square, degrees) = spread(&counts, &sizes);
        squares.entry(name).or_default().add(square, degrees);
    }
    squares.iter().filter(|(_, s)| s.count > 0.0).map(|(name, squares)| (*name, squares.deviation())).collect()
}

/// Square of the correlation of numbers with those `lag` places later, of which few of the range are drawn.
fn correlation(drawn: &[u64], lag: usize, len: u64) -> (f64, f64) {
    if drawn.len() < 2 * lag.max(8) {
        return (0.0, 0.0);
    }
    let (centre, variance) = ((len - 1) as f64 / 2.0, (len as f64 * len as f64 - 1.0) / 12.0);
    let sum: f64 = drawn.iter().zip(&drawn[lag..]).map(|(a, b)| (*a as f64 - centre) * (*b as f64 - centre)).sum();
    let n = (drawn.len() - lag) as f64;
    // No number comes twice, so numbers are a little against each other.
    let mean = -n * variance / (len as f64 - 1.0);
    ((sum - mean).powi(2) / (variance * variance * n), 1.0)
}

fn most_suspicious(make: &Make, len: u64) -> (f64, &'static str) {
    let worst = battery(make, len).into_iter().map(|(name, deviation)| (deviation.abs(), name));
    worst.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

#[test]
fn orders_cannot_be_told_from_random_ones() {
    for len in LENGTHS {
        let (deviation, name) = most_suspicious(&ours, len);
        assert!(deviation < SUSPICIOUS, "{name} of {len}: {deviation:.1}");
    }
}

#[test]
fn permutations_that_are_no_shuffle_are_found_out() {
    for len in LENGTHS {
        assert!(most_suspicious(&affine, len).0 > 2.0 * SUSPICIOUS, "affine, {len}");
    }
    for len in [64, 1000, 4096, 65_536, 1_000_003, 1 << 24, 100_000_000, 1 << 32, 3_000_000_000_000] {
        for rounds in [1, 2] {
            assert!(most_suspicious(&with_rounds(rounds), len).0 > 2.0 * SUSPICIOUS, "{rounds} rounds, {len}");
        }
    }
    for len in [4096, 65_536, 1 << 24] {
        assert!(most_suspicious(&with_rounds(3), len).0 > 2.0 * SUSPICIOUS, "3 rounds, {len}");
    }
}

#[test]
fn all_orders_of_a_few_samples_are_equally_likely() {
    for len in 2..=7 {
        let orders: u64 = (1..=len).product();
        let mut counts: BTreeMap<Vec<u64>, u64> = BTreeMap::new();
        for key in 0..orders * 64 {
            *counts.entry(ours(len, key, 0, len as usize)).or_default() += 1;
        }
        let counts: Vec<u64> = counts.into_values().collect();
        assert_eq!(counts.len() as u64, orders, "some orders of {len} never come");
        let mut squares = Squares::default();
        let (square, degrees) = spread(&counts, &vec![1; counts.len()]);
        squares.add(square, degrees);
        assert!(squares.deviation() < SUSPICIOUS, "{len}: {:.1}", squares.deviation());
    }
}

#[test]
fn independent_draws_are_spread_evenly_and_leave_samples_out() {
    for len in [3, 1000, 1 << 20] {
        let draw = |i| random::below(len, random::at(7, i));
        let mut counts = vec![0u64; BINS.min(len as usize)];
        let bins = counts.len() as u128;
        (0..100_000).for_each(|i| counts[(u128::from(draw(i)) * bins / u128::from(len)) as usize] += 1);
        let sizes: Vec<u64> = if len == 3 { vec![1; 3] } else { bin_sizes(len) };
        let mut squares = Squares::default();
        let (square, degrees) = spread(&counts, &sizes);
        squares.add(square, degrees);
        assert!(squares.deviation().abs() < SUSPICIOUS, "{len}");
    }
    // Of n samples drawn n times the part 1/e is never drawn.
    let drawn: std::collections::BTreeSet<u64> = (0..10_000).map(|i| random::below(10_000, random::at(8, i))).collect();
    assert!((6200..6450).contains(&drawn.len()), "{}", drawn.len());
}
