/// Puts each sample, in this order of their places, into the first bin with room for it: O(n log n). The answer has the bin of each sample,
/// numbered as they are taken up; `None` if a sample fits no bin.
pub(crate) fn first_fit(
    lengths: &[u32],
    order: impl IntoIterator<Item = usize>,
    capacity: u32,
    max_samples: Option<u32>,
) -> Option<Vec<u32>> {
    let mut room = Room::new(lengths.len(), capacity, max_samples.unwrap_or(u32::MAX));
    let mut bins = vec![0; lengths.len()];
    for sample in order {
        let bin = room.place(*lengths.get(sample)?)?;
        *bins.get_mut(sample)? = bin;
    }
    Some(bins)
}

/// Room left in each of a fixed number of bins, and the first that has enough: a segment tree of maxima.
///
/// Bins that hold nothing have all their room and lie behind those that hold something, so bins are taken up without gaps.
#[derive(Debug)]
struct Room {
    /// Node i has the children 2i and 2i + 1; the bins are the last half.
    most: Vec<u32>,
    samples: Vec<u32>,
    max_samples: u32,
}

impl Room {
    fn new(bins: usize, capacity: u32, max_samples: u32) -> Room {
        let leaves = bins.max(1).next_power_of_two();
        Room { most: vec![capacity; 2 * leaves], samples: vec![0; leaves], max_samples: max_samples.max(1) }
    }

    /// Puts a sample into the first bin with room for it; none if no bin has any.
    fn place(&mut self, length: u32) -> Option<u32> {
        let leaves = self.samples.len();
        if *self.most.get(1)? < length {
            return None;
        }
        let mut node = 1;
        while node < leaves {
            node *= 2;
            if *self.most.get(node)? < length {
                node += 1;
            }
        }
        let bin = node - leaves;
        let samples = self.samples.get_mut(bin)?;
        *samples += 1;
        let full = *samples == self.max_samples;
        let left = self.most.get_mut(node)?;
        // A sample has at least one token, so that a bin without room gets no other.
        *left = if full { 0 } else { *left - length };
        while node > 1 {
            node /= 2;
            let most = (*self.most.get(2 * node)?).max(*self.most.get(2 * node + 1)?);
            *self.most.get_mut(node)? = most;
        }
        u32::try_from(bin).ok()
    }
}
