//! The partial results of a pass, merged in a tree whose shape follows from their number and sizes alone.

use std::{collections::BTreeMap, mem};

use super::line::{Merge, Sink};
use crate::Result;

/// Partial results that are merged at once.
const GROUP: usize = 64;
/// Bytes that are merged at once, so that a guest needs no more memory for the merging of large results than of small ones. Two are
/// always merged, whatever their size.
const GROUP_BYTES: usize = 4 << 20;

/// A tree that grows at its right edge.
#[derive(Debug)]
pub(super) struct Tree {
    pass: u32,
    levels: Vec<Level>,
    /// Blocks taken, those of an earlier run included.
    taken: u64,
}

/// Results of as many merges as the number of the level, from left to right.
#[derive(Debug, Default)]
struct Level {
    /// Those that wait for others to be merged with.
    group: Vec<Vec<u8>>,
    bytes: usize,
    /// Groups that went out to be merged.
    closed: u64,
    /// Groups of the level below that came in, in order.
    arrived: u64,
    /// Groups of the level below that came in before their turn.
    early: BTreeMap<u64, (Vec<u8>, u64)>,
}

impl Tree {
    /// A tree of the groups that [`resting`](Tree::resting) found after so many blocks; none and 0 at the start.
    pub(super) fn restore(pass: u32, groups: Vec<Vec<Vec<u8>>>, taken: u64) -> Tree {
        let level = |group: Vec<Vec<u8>>| Level { bytes: group.iter().map(Vec::len).sum(), group, ..Level::default() };
        Tree { pass, levels: groups.into_iter().map(level).collect(), taken }
    }

    /// What waits at each level. Together it stands for all blocks taken if no merge is under way.
    pub(super) fn resting(&self) -> Vec<Vec<Vec<u8>>> {
        self.levels.iter().map(|level| level.group.clone()).collect()
    }

    /// Merges what is left, by `merge`.
    pub(super) fn finish(self, mut merge: impl FnMut(&[Vec<u8>]) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        let mut from_below: Option<Vec<u8>> = None;
        for level in self.levels {
            let mut group = level.group;
            group.extend(from_below.take());
            from_below = match group.len() {
                0 | 1 => group.pop(),
                _ => Some(merge(&group)?),
            };
        }
        Ok(from_below.unwrap_or_default())
    }

    fn add(&mut self, level: usize, result: Vec<u8>, at: u64, due: &mut Vec<Merge>) {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Level::default);
        }
        let pass = self.pass;
        let Some(place) = self.levels.get_mut(level) else { return };
        place.bytes += result.len();
        place.group.push(result);
        if place.group.len() >= GROUP || (place.group.len() >= 2 && place.bytes >= GROUP_BYTES) {
            place.bytes = 0;
            due.push(Merge { pass, level, number: place.closed, group: mem::take(&mut place.group), at });
            place.closed += 1;
        }
    }
}

impl Sink for Tree {
    /// The partial results of the chunks of a block.
    type Found = Vec<Vec<u8>>;

    fn take(&mut self, found: Vec<Vec<u8>>, due: &mut Vec<Merge>) -> Result<()> {
        self.taken += 1;
        let at = self.taken;
        found.into_iter().for_each(|partial| self.add(0, partial, at, due));
        Ok(())
    }

    fn merged(&mut self, merge: Merge, result: Vec<u8>, due: &mut Vec<Merge>) {
        let level = merge.level + 1;
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Level::default);
        }
        if let Some(place) = self.levels.get_mut(level) {
            place.early.insert(merge.number, (result, merge.at));
        }
        while let Some(place) = self.levels.get_mut(level)
            && let Some((result, at)) = place.early.remove(&place.arrived)
        {
            place.arrived += 1;
            self.add(level, result, at, due);
        }
    }
}
