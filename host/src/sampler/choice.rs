//! Which of the micro-batches that could be made does a step take? Those with the oldest samples, so that none waits for ever.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Samples by their place in hand, the oldest first; a list for each micro-batch.
pub(super) type MicroBatches = Vec<Vec<u32>>;

/// The `wanted` micro-batches that hold the oldest samples. If there are fewer, the largest are halved until there are enough, as long as
/// halves have `least` samples.
///
/// # Errors
/// The micro-batches that there are in the end, if they are too few.
pub(super) fn oldest(made: MicroBatches, wanted: usize, least: usize) -> Result<MicroBatches, MicroBatches> {
    let mut chosen = if made.len() < wanted { halve(made, wanted, least) } else { made };
    chosen.sort_by_key(|samples| samples.iter().min().copied());
    if chosen.len() < wanted {
        return Err(chosen);
    }
    chosen.truncate(wanted);
    Ok(chosen)
}

/// The one of several whole steps that holds the oldest sample.
pub(super) fn oldest_step(steps: impl Iterator<Item = MicroBatches>) -> Option<MicroBatches> {
    steps.min_by_key(|step| step.iter().flatten().min().copied())
}

/// Halves the largest until there are `wanted`, or none of them can be halved.
fn halve(made: MicroBatches, wanted: usize, least: usize) -> MicroBatches {
    // Of equally large ones the older is halved first.
    let keyed = |samples: Vec<u32>| (samples.len(), Reverse(samples.iter().min().copied()), samples);
    let mut heap: BinaryHeap<_> = made.into_iter().map(keyed).collect();
    while heap.len() < wanted {
        let Some(mut largest) = heap.pop() else { break };
        if largest.0 < 2 * least.max(1) {
            heap.push(largest);
            break;
        }
        let half = largest.2.split_off(largest.0.div_ceil(2));
        heap.push(keyed(largest.2));
        heap.push(keyed(half));
    }
    heap.into_iter().map(|(_, _, samples)| samples).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_samples_go_first() {
        let made = vec![vec![4, 5], vec![1, 9], vec![3], vec![8, 0]];
        assert_eq!(oldest(made, 2, 1).unwrap(), [[8, 0], [1, 9]]);
        let steps = [vec![vec![5], vec![1]], vec![vec![7], vec![0]]];
        assert_eq!(oldest_step(steps.into_iter()).unwrap(), [[7], [0]]);
    }

    #[test]
    fn the_largest_is_halved_until_there_are_enough() {
        let made = vec![vec![0, 1, 2, 3, 4], vec![5, 6]];
        assert_eq!(oldest(made.clone(), 4, 1).unwrap(), [vec![0, 1], vec![2], vec![3, 4], vec![5, 6]]);
        assert_eq!(oldest(made.clone(), 4, 2).unwrap_err(), [vec![0, 1, 2], vec![3, 4], vec![5, 6]]);
        assert_eq!(oldest(made, 9, 1).unwrap_err().len(), 7);
    }
}
