use curricle_guest::testing::{pack, packer};
use serde_json::json;

use super::*;

#[test]
fn each_sample_goes_where_it_leaves_the_least_room() {
    let mut best_fit = packer::<BestFitDecreasing>(json!({})).unwrap();
    // 60 and 50 open rows; 40 and 45 fill them best, and 5 goes where 5 are left.
    assert_eq!(pack(&mut best_fit, &[5, 50, 60, 40, 45], 100, None).unwrap(), [vec![0, 1, 4], vec![2, 3]]);
    assert_eq!(pack(&mut best_fit, &[5, 50, 60, 40, 45], 100, Some(2)).unwrap(), [vec![0], vec![1, 4], vec![2, 3]]);
}

#[test]
fn nothing_to_pack_needs_no_bin() {
    let mut best_fit = packer::<BestFitDecreasing>(json!({})).unwrap();
    assert!(pack(&mut best_fit, &[], 100, None).unwrap().is_empty());
}

#[test]
fn a_sample_longer_than_a_row_is_refused() {
    let mut best_fit = packer::<BestFitDecreasing>(json!({})).unwrap();
    let error = best_fit.pack(&[5, 101], 100, None).unwrap_err();
    assert_eq!(error, Error::Data("a sample of 101 tokens does not fit into a row of 100; truncate samples or raise the capacity".into()));
}
