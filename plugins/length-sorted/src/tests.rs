use curricle_guest::testing::{pack, packer};
use serde_json::json;

use super::*;

#[test]
fn the_samples_of_a_bin_are_of_like_length() {
    let mut length_sorted = packer::<LengthSorted>(json!({})).unwrap();
    assert_eq!(pack(&mut length_sorted, &[50, 3, 45, 2, 1], 100, None).unwrap(), [vec![0], vec![1, 2, 3, 4]]);
    assert_eq!(pack(&mut length_sorted, &[50, 3, 45, 2, 1], 100, Some(3)).unwrap(), [vec![0, 2], vec![1, 3, 4]]);
}

#[test]
fn nothing_to_pack_needs_no_bin() {
    let mut length_sorted = packer::<LengthSorted>(json!({})).unwrap();
    assert!(pack(&mut length_sorted, &[], 100, None).unwrap().is_empty());
}

#[test]
fn a_sample_longer_than_a_row_is_refused() {
    let mut length_sorted = packer::<LengthSorted>(json!({})).unwrap();
    let error = length_sorted.pack(&[5, 101], 100, None).unwrap_err();
    assert_eq!(error, Error::Data("a sample of 101 tokens does not fit into a row of 100; truncate samples or raise the capacity".into()));
}
