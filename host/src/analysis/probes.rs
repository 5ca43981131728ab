//! The outline of a dataset that is here: a few blocks of it are read.

use super::{
    chunks::{Blocks, Depth, Reader},
    mark::Marking,
    outline::{Outline, Probe},
};
use crate::{Result, dataset::Dataset};

/// Blocks whose samples are remembered by a hash, evenly spaced, the first and the last among them.
const PROBES: u64 = 8;

impl Outline {
    /// The outline of a dataset. Up to eight blocks of it are read, of about 2 MiB each.
    ///
    /// # Errors
    /// [`Error::Dataset`](crate::Error::Dataset) if a sample in one of them is damaged.
    pub fn of(dataset: &Dataset) -> Result<Outline> {
        let outline = Outline::without_probes(dataset);
        let probes = probes(dataset, &Blocks::new(outline.clone()))?;
        Ok(outline.with_probes(probes))
    }

    /// Number of blocks, the pieces in which the dataset is analyzed; at least 1.
    pub fn n_blocks(&self) -> u64 {
        Blocks::new(self.clone()).len()
    }

    /// Samples of a block, from 1 to 65 536; the last one may have fewer. Sample `i` is in block `i / samples_per_block`.
    pub fn samples_per_block(&self) -> u64 {
        Blocks::new(self.clone()).samples_each()
    }
}

/// Marks of a few blocks of a dataset.
pub(super) fn probes(dataset: &Dataset, blocks: &Blocks) -> Result<Vec<Probe>> {
    let n = blocks.len().min(PROBES);
    let mut reader = Reader::default();
    let mut marking = Marking::default();
    let mut found = Vec::new();
    for i in 0..n {
        let last = u128::from(blocks.len() - 1);
        let block = (last * u128::from(i) / u128::from(n.saturating_sub(1).max(1))) as u64;
        reader.read(dataset, blocks, block, Depth::Tokens, |samples| {
            marking.add(samples.offsets, Some(samples.tokens));
            Ok(())
        })?;
        found.push(Probe { block, mark: marking.take(true) });
    }
    Ok(found)
}
