/// Places of the samples by ascending length; equally long ones keep their order. At most 2^32 − 1 lengths.
///
/// A counting sort where lengths are small against their number, which is what batches of text are; otherwise by comparison, so that one huge
/// length costs no memory.
pub(crate) fn ascending(lengths: &[u32]) -> Vec<u32> {
    const SMALL: usize = 1 << 16;
    let longest = lengths.iter().copied().max().unwrap_or(0) as usize;
    if longest >= SMALL.max(lengths.len()) {
        let mut order: Vec<u32> = (0u32..).take(lengths.len()).collect();
        order.sort_by_key(|&i| lengths.get(i as usize));
        return order;
    }
    let mut next = vec![0u32; longest + 1];
    for &length in lengths {
        next[length as usize] += 1;
    }
    let mut start = 0;
    for place in &mut next {
        start += std::mem::replace(place, start);
    }
    let mut order = vec![0; lengths.len()];
    for (i, &length) in (0u32..).zip(lengths) {
        let place = &mut next[length as usize];
        order[*place as usize] = i;
        *place += 1;
    }
    order
}
