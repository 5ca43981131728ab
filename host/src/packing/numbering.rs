/// Numbers bins by the first sample in each. `bins` holds the bin of each sample, below `n_bins`.
pub(crate) fn by_first_use(bins: &mut [u32], n_bins: usize) {
    const UNUSED: u32 = u32::MAX;
    let mut number = vec![UNUSED; n_bins];
    let mut next = 0;
    for bin in bins {
        if let Some(number) = number.get_mut(*bin as usize) {
            if *number == UNUSED {
                *number = next;
                next += 1;
            }
            *bin = *number;
        }
    }
}
