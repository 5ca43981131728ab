//! Where the nodes of the tree of partial results are.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Neighbours that become one. More would be fewer calls, and more to keep between them.
pub(super) const WIDTH: u64 = 4;

/// Where a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) level: u32,
    pub(super) index: u64,
}

/// The nodes that a range of blocks comes to, from left to right: of each level the largest that lie in it.
pub(super) fn cover(blocks: Range<u64>) -> Vec<Place> {
    let mut found = Vec::new();
    let mut at = blocks.start;
    while at < blocks.end {
        let mut place = Place { level: 0, index: at };
        let mut size = 1u64;
        while let Some(larger) = size.checked_mul(WIDTH)
            && at.is_multiple_of(larger)
            && blocks.end - at >= larger
        {
            size = larger;
            place = Place { level: place.level + 1, index: at / larger };
        }
        found.push(place);
        at += size;
    }
    found
}

/// Cuts bytes into the results of nodes; none if their sizes are not those of the bytes.
pub(super) fn cut(bytes: &[u8], sizes: &[(Place, u64)]) -> Option<Vec<(Place, Vec<u8>)>> {
    let mut rest = bytes;
    let mut nodes = Vec::new();
    for (place, size) in sizes {
        let (result, after) = rest.split_at_checked(usize::try_from(*size).ok()?)?;
        nodes.push((*place, result.to_vec()));
        rest = after;
    }
    rest.is_empty().then_some(nodes)
}
