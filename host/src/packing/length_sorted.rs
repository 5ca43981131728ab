use super::{by_length, numbering};

/// Fills one bin after another with samples in ascending order of length, so that those of a bin are of like length: O(n). The answer has the
/// bin of each sample, numbered by the first sample in each; `None` if a sample fits no bin.
pub(crate) fn length_sorted(lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Option<Vec<u32>> {
    u32::try_from(lengths.len()).ok()?;
    let max_samples = max_samples.unwrap_or(u32::MAX).max(1);
    let mut bins = vec![0; lengths.len()];
    // Of the bin that is being filled.
    let (mut bin, mut room, mut samples) = (0u32, capacity, 0u32);
    for sample in by_length::ascending(lengths) {
        let length = *lengths.get(sample as usize)?;
        if length > room || samples == max_samples {
            (bin, room, samples) = (bin + 1, capacity, 0);
        }
        room = room.checked_sub(length)?;
        samples += 1;
        *bins.get_mut(sample as usize)? = bin;
    }
    let n_bins = if lengths.is_empty() { 0 } else { bin as usize + 1 };
    numbering::by_first_use(&mut bins, n_bins);
    Some(bins)
}
