use crate::{Packer, Result};

/// Asks a packer and checks its answer as the host does: gives the samples of each bin, by position.
///
/// # Errors
/// What the packer refuses.
///
/// # Panics
/// With `fault:` if the answer breaks a rule of [`Packer::pack`].
pub fn pack<P: Packer>(packer: &mut P, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<Vec<usize>>> {
    let answer = packer.pack(lengths, capacity, max_samples)?;
    assert_eq!(answer.len(), lengths.len(), "fault: one bin for each of {} lengths", lengths.len());
    let n_bins = answer.iter().max().map_or(0, |&bin| bin as usize + 1);
    assert!(n_bins <= lengths.len(), "fault: bins are numbered without gaps, but {} is among {} samples", n_bins - 1, lengths.len());
    let mut bins = vec![Vec::new(); n_bins];
    for (sample, &bin) in answer.iter().enumerate() {
        bins[bin as usize].push(sample);
    }
    for (bin, samples) in bins.iter().enumerate() {
        assert!(!samples.is_empty(), "fault: bin {bin} is empty");
        let tokens: u64 = samples.iter().map(|&sample| u64::from(lengths[sample])).sum();
        assert!(tokens <= u64::from(capacity), "fault: bin {bin} holds {tokens} tokens, {capacity} fit");
        let most = max_samples.map_or(usize::MAX, |max| max as usize);
        assert!(samples.len() <= most, "fault: bin {bin} holds {} samples, {most} are allowed", samples.len());
    }
    Ok(bins)
}
