//! Which blocks have arrived.

use std::{collections::BTreeMap, ops::Range};

/// Ranges of blocks that do not touch: memory for the gaps between them alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrived {
    /// Start and end of each.
    ranges: BTreeMap<u64, u64>,
    blocks: u64,
}

impl Arrived {
    /// Adds blocks; gives the first of them that was there already, and then adds none.
    pub(super) fn add(&mut self, blocks: Range<u64>) -> Result<(), u64> {
        let before = self.ranges.range(..=blocks.start).next_back().map(|(start, end)| (*start, *end));
        if let Some((_, end)) = before
            && end > blocks.start
        {
            return Err(blocks.start);
        }
        let after = self.ranges.range(blocks.start..).next().map(|(start, end)| (*start, *end));
        if let Some((start, _)) = after
            && start < blocks.end
        {
            return Err(start);
        }
        let (mut start, mut end) = (blocks.start, blocks.end);
        if let Some((earlier, touches)) = before
            && touches == start
        {
            start = earlier;
        }
        if let Some((touches, later)) = after
            && touches == end
        {
            self.ranges.remove(&touches);
            end = later;
        }
        self.ranges.insert(start, end);
        self.blocks += blocks.end - blocks.start;
        Ok(())
    }

    /// Number of blocks.
    pub(super) fn len(&self) -> u64 {
        self.blocks
    }

    /// The first gap before `end`.
    pub(super) fn first_missing(&self, end: u64) -> Option<Range<u64>> {
        let gap = match self.ranges.iter().next() {
            Some((0, first_end)) => *first_end..self.ranges.keys().nth(1).copied().unwrap_or(end),
            Some((start, _)) => 0..*start,
            None => 0..end,
        };
        (gap.start < end).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_block_is_taken_once_and_the_first_gap_is_known(spans in prop::collection::vec((0u64..40, 1u64..6), 0..40)) {
            let (mut arrived, mut there) = (Arrived::default(), [false; 50]);
            for (start, n) in spans {
                let blocks = start..start + n;
                let twice = blocks.clone().find(|b| there[*b as usize]);
                prop_assert_eq!(arrived.add(blocks.clone()).err(), twice);
                if twice.is_none() {
                    blocks.for_each(|b| there[b as usize] = true);
                }
                prop_assert_eq!(arrived.len(), there.iter().filter(|t| **t).count() as u64);
                let first = there.iter().position(|t| !t).map(|b| b as u64);
                prop_assert_eq!(arrived.first_missing(50).map(|gap| gap.start), first);
                if let Some(gap) = arrived.first_missing(50) {
                    prop_assert!(gap.clone().all(|b| !there[b as usize]) && (gap.end == 50 || there[gap.end as usize]));
                }
            }
        }
    }
}
