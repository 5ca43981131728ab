use curricle_guest::testing::{pack, packer};
use serde_json::json;

use super::*;

/// First fit as its definition says, in quadratic time.
fn oracle(lengths: &[u32], capacity: u32, max_samples: u32) -> Vec<u32> {
    let mut bins: Vec<(u32, u32)> = Vec::new();
    let place = |&length: &u32| {
        let fits = |&(tokens, samples): &(u32, u32)| tokens + length <= capacity && samples < max_samples;
        let bin = bins.iter().position(fits).unwrap_or(bins.len());
        if bin == bins.len() {
            bins.push((0, 0));
        }
        bins[bin].0 += length;
        bins[bin].1 += 1;
        bin as u32
    };
    lengths.iter().map(place).collect()
}

fn lengths(n: u32, most: u32) -> Vec<u32> {
    (0..n).map(|i| i.wrapping_mul(2_654_435_761) % most + 1).collect()
}

#[test]
fn each_sample_goes_to_the_first_bin_with_room() {
    let mut first_fit = packer::<FirstFit>(json!({})).unwrap();
    for (n, most, max_samples) in [(1, 1, None), (2, 100, None), (1_000, 100, None), (777, 30, Some(3)), (64, 100, Some(1))] {
        let lengths = lengths(n, most);
        let answer = first_fit.pack(&lengths, 100, max_samples).unwrap();
        assert_eq!(answer, oracle(&lengths, 100, max_samples.unwrap_or(u32::MAX)));
        pack(&mut first_fit, &lengths, 100, max_samples).unwrap();
    }
}

#[test]
fn long_samples_first_need_no_more_bins() {
    let lengths = lengths(2_000, 70);
    let bins = |decreasing| {
        let mut first_fit = packer::<FirstFit>(json!({"decreasing": decreasing})).unwrap();
        pack(&mut first_fit, &lengths, 100, None).unwrap()
    };
    let (plain, decreasing) = (bins(false), bins(true));
    assert!(decreasing.len() <= plain.len(), "{} bins, {} without", decreasing.len(), plain.len());
    assert!(decreasing.iter().all(|samples| samples.is_sorted()));
}

#[test]
fn nothing_to_pack_needs_no_bin() {
    let mut first_fit = packer::<FirstFit>(json!({})).unwrap();
    assert!(pack(&mut first_fit, &[], 100, None).unwrap().is_empty());
}

#[test]
fn a_sample_longer_than_a_row_is_refused() {
    let mut first_fit = packer::<FirstFit>(json!({})).unwrap();
    let error = first_fit.pack(&[5, 101], 100, None).unwrap_err();
    assert_eq!(error, Error::Data("a sample of 101 tokens does not fit into a row of 100; truncate samples or raise the capacity".into()));
}
