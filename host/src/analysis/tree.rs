//! The partial results of a pass, merged in a tree that is the same whoever makes which piece of it.
//!
//! Four neighbours of a level are merged into one of the level above, counted from the dataset's beginning: node `i` of level `l` stands for
//! the blocks from `i · 4^l` to `(i + 1) · 4^l`. So which results are merged with which follows from the number of blocks alone, and threads,
//! breaks and the parts of other machines fit in anywhere. Of any range of blocks no more than six nodes a level are ever there.

use std::{collections::BTreeMap, mem};

use super::{
    line::{Merge, Sink},
    place::{Place, WIDTH},
};
use crate::Result;

/// Results that a guest is given at once.
const GROUP: usize = 64;
/// Bytes of results that a guest is given at once, so that it needs no more memory for the merging of large results than of small ones. Two are
/// always merged, whatever their size.
const GROUP_BYTES: usize = 4 << 20;

/// Nodes that could not be merged further yet.
#[derive(Debug)]
pub(super) struct Tree {
    pass: u32,
    levels: Vec<BTreeMap<u64, Vec<u8>>>,
    /// Number of the next block.
    next: u64,
}

impl Tree {
    /// A tree of nodes that [`nodes`](Tree::nodes) found, to be gone on with at block `next`.
    pub(super) fn restore(pass: u32, nodes: Vec<(Place, Vec<u8>)>, next: u64) -> Tree {
        let mut tree = Tree { pass, levels: Vec::new(), next };
        for (place, result) in nodes {
            tree.level(place.level).insert(place.index, result);
        }
        tree
    }

    /// The nodes from left to right. Together they stand for all blocks taken if no merge is under way.
    pub(super) fn nodes(&self) -> Vec<(Place, Vec<u8>)> {
        let place = |level: usize, index: &u64| Place { level: level as u32, index: *index };
        let nodes = self.levels.iter().enumerate();
        let mut nodes: Vec<_> =
            nodes.flat_map(|(level, nodes)| nodes.iter().map(move |(index, result)| (place(level, index), result.clone()))).collect();
        nodes.sort_by_key(|(place, _)| place.index.saturating_mul(WIDTH.saturating_pow(place.level)));
        nodes
    }

    /// Adds a node; a merge that falls due is added to `due`.
    pub(super) fn add(&mut self, place: Place, result: Vec<u8>, due: &mut Vec<Merge>) {
        let Place { level, index } = place;
        let first = index - index % WIDTH;
        let pass = self.pass;
        let nodes = self.level(level);
        nodes.insert(index, result);
        if nodes.range(first..first + WIDTH).count() as u64 == WIDTH {
            let group = (first..first + WIDTH).filter_map(|index| nodes.remove(&index)).collect();
            due.push(Merge { pass, group, place: Place { level: level + 1, index: index / WIDTH } });
        }
    }

    /// Adds a node, and merges what falls due by `merge`.
    pub(super) fn graft(&mut self, place: Place, result: Vec<u8>, mut merge: impl FnMut(&[Vec<u8>]) -> Result<Vec<u8>>) -> Result<()> {
        let mut due = Vec::new();
        self.add(place, result, &mut due);
        while let Some(next) = due.pop() {
            let place = next.place;
            let result = next.make(&mut merge)?;
            self.add(place, result, &mut due);
        }
        Ok(())
    }

    /// Adds the result of the next block, and merges what falls due by `merge`.
    pub(super) fn grow(&mut self, result: Vec<u8>, merge: impl FnMut(&[Vec<u8>]) -> Result<Vec<u8>>) -> Result<()> {
        let place = Place { level: 0, index: self.next };
        self.next += 1;
        self.graft(place, result, merge)
    }

    /// Merges what is left, by `merge`: the nodes at the right edge, each level's with what came from below.
    pub(super) fn finish(self, mut merge: impl FnMut(&[Vec<u8>]) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        let mut from_below = None;
        for level in self.levels {
            let group: Vec<Vec<u8>> = level.into_values().chain(from_below.take()).collect();
            if !group.is_empty() {
                from_below = Some(join(group, &mut merge)?);
            }
        }
        Ok(from_below.unwrap_or_default())
    }

    fn level(&mut self, level: u32) -> &mut BTreeMap<u64, Vec<u8>> {
        let level = level as usize;
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, BTreeMap::new);
        }
        &mut self.levels[level]
    }
}

impl Sink for Tree {
    /// The result of a block.
    type Found = Vec<u8>;

    fn take(&mut self, found: Vec<u8>, due: &mut Vec<Merge>) -> Result<()> {
        let place = Place { level: 0, index: self.next };
        self.next += 1;
        self.add(place, found, due);
        Ok(())
    }

    fn merged(&mut self, place: Place, result: Vec<u8>, due: &mut Vec<Merge>) {
        self.add(place, result, due);
    }
}

/// Neighbours as one, by `merge`, which is given no more at once than a guest should be.
fn join(group: Vec<Vec<u8>>, mut merge: impl FnMut(&[Vec<u8>]) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    let mut joined = Joined::default();
    group.into_iter().try_for_each(|result| joined.push(result, &mut merge))?;
    joined.finish(merge)
}

/// Neighbours that come one after the other and are to be one result.
#[derive(Debug, Default)]
pub(super) struct Joined {
    waiting: Vec<Vec<u8>>,
    bytes: usize,
}

impl Joined {
    /// Takes the next; `merge` is given what has become too much to wait.
    pub(super) fn push(&mut self, result: Vec<u8>, merge: impl FnOnce(&[Vec<u8>]) -> Result<Vec<u8>>) -> Result<()> {
        self.bytes += result.len();
        self.waiting.push(result);
        if self.waiting.len() >= GROUP || (self.waiting.len() >= 2 && self.bytes >= GROUP_BYTES) {
            let merged = merge(&mem::take(&mut self.waiting))?;
            self.bytes = merged.len();
            self.waiting.push(merged);
        }
        Ok(())
    }

    /// All of them as one.
    pub(super) fn finish(mut self, merge: impl FnOnce(&[Vec<u8>]) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        match self.waiting.len() {
            0 | 1 => Ok(self.waiting.pop().unwrap_or_default()),
            _ => merge(&self.waiting),
        }
    }
}

impl Merge {
    /// Blocks that one thread would have taken when it came to this.
    pub(super) fn at(&self) -> u64 {
        self.place.index.saturating_add(1).saturating_mul(WIDTH.saturating_pow(self.place.level))
    }

    /// The result, by `merge`.
    pub(super) fn make(self, merge: impl FnMut(&[Vec<u8>]) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        join(self.group, merge)
    }
}
