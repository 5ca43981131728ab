//! Whole numbers in proportion to weights: how many samples of a batch come from where.

/// Splits `size` in proportion to `weights`: the counts come to exactly `size`, and each is its quota `size × weight / total` rounded down or
/// up. All weights 0 give all counts 0.
///
/// This is systematic sampling: with the quotas laid end to end, count i is the number of grid points u, u + 1, u + 2 … that fall on
/// quota i, where the offset u = frac(`step` × φ) differs each step (φ is the golden ratio, so the offsets of any run of steps are spread
/// as evenly as can be). Over many steps the share of each weight converges to its quota with an error of O(log steps / steps).
///
/// Integers only: every machine and language computes the same counts.
///
/// ```
/// use curricle_guest::shares::split;
/// assert_eq!(split(4, &[1, 1], 0), [2, 2]);
/// let counts = split(5, &[700, 200, 100], 3);
/// assert_eq!(counts.iter().sum::<u32>(), 5);
/// assert!(counts[0] == 3 || counts[0] == 4);
/// ```
pub fn split(size: u32, weights: &[u64], step: u64) -> Vec<u32> {
    // floor(2^64 / φ), made odd: a step's multiple, modulo 2^64, is its offset in 64-bit fixed point.
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let fraction = step.wrapping_mul(GOLDEN);
    // The same sums in 64 bits where they fit: a division of 128 bits costs thirty times as much.
    let total = weights.iter().try_fold(0u64, |total, &weight| total.checked_add(weight));
    match total.filter(|total| total.checked_mul(u64::from(size) + 1).is_some()) {
        Some(0) => vec![0; weights.len()],
        Some(total) => {
            let (mut sum, mut before, offset) = (0u64, 0u64, scale(total.into(), fraction) as u64);
            let size = u64::from(size);
            let count = |&weight: &u64| {
                sum += weight;
                let upto = (size * sum + offset) / total;
                let count = upto - before;
                before = upto;
                count as u32
            };
            weights.iter().map(count).collect()
        }
        None => {
            let total: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
            let (mut sum, mut before, offset) = (0u128, 0u128, scale(total, fraction));
            let count = |&weight: &u64| {
                sum += u128::from(weight);
                let upto = (u128::from(size) * sum + offset) / total;
                let count = upto - before;
                before = upto;
                count as u32
            };
            weights.iter().map(count).collect()
        }
    }
}

/// floor(total × fraction / 2^64), below `total`. The total of any list that fits in memory is below 2^96.
fn scale(total: u128, fraction: u64) -> u128 {
    let (high, low) = (total >> 64, total & u128::from(u64::MAX));
    let fraction = u128::from(fraction);
    high * fraction + ((low * fraction) >> 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in the widest integers and no short cuts.
    fn oracle(size: u32, weights: &[u64], step: u64) -> Vec<u32> {
        let total: u128 = weights.iter().map(|&w| u128::from(w)).sum();
        let offset = (total * u128::from(step.wrapping_mul(0x9E37_79B9_7F4A_7C15))) >> 64;
        let upto = |i: usize| (u128::from(size) * weights[..i].iter().map(|&w| u128::from(w)).sum::<u128>() + offset) / total;
        (0..weights.len()).map(|i| (upto(i + 1) - upto(i)) as u32).collect()
    }

    #[test]
    fn counts_come_to_the_size_and_are_quotas_rounded_down_or_up() {
        let weights = [3, 0, 1, 1_000_000, 17, 250_000, 1];
        let total: u64 = weights.iter().sum();
        for step in 0..2_000 {
            for size in [1, 7, 256, 65_536] {
                let counts = split(size, &weights, step);
                assert_eq!(counts.iter().sum::<u32>(), size);
                for (&count, &weight) in counts.iter().zip(&weights) {
                    let quota = u64::from(size) * weight;
                    let (low, high) = (quota / total, quota.div_ceil(total));
                    assert!((low..=high).contains(&u64::from(count)), "{count} of {low}..={high}");
                }
                assert_eq!(counts, oracle(size, &weights, step));
            }
        }
    }

    #[test]
    fn weights_too_large_for_64_bits_agree_with_small_ones() {
        let small = [5, 3, 2];
        let large = small.map(|w| w << 60);
        for step in 0..500 {
            assert_eq!(split(1_000, &large, step), split(1_000, &small, step));
        }
    }

    #[test]
    fn shares_stay_within_a_few_samples_of_their_quota_for_ever() {
        let weights = [613, 274, 113];
        let mut given = [0u64; 3];
        for step in 0..100_000u64 {
            for (sum, count) in given.iter_mut().zip(split(10, &weights, step)) {
                *sum += u64::from(count);
            }
            for (&sum, &weight) in given.iter().zip(&weights) {
                let quota = (step + 1) as f64 * 10.0 * weight as f64 / 1_000.0;
                assert!((sum as f64 - quota).abs() < 8.0, "step {step}: {sum} of {quota}");
            }
        }
    }

    #[test]
    fn no_weight_gives_nothing() {
        assert!(split(5, &[], 0).is_empty());
        assert_eq!(split(5, &[0, 0], 7), [0, 0]);
    }
}
