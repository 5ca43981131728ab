use curricle_guest::testing::{analyze, samples};
use serde_json::json;

use super::*;

fn floats(values: &[Values]) -> Vec<f64> {
    let chunk = |values: &Values| match values {
        Values::F64(values) => values.clone(),
        other => panic!("expected f64, found {other:?}"),
    };
    values.iter().flat_map(chunk).collect()
}

#[test]
fn a_value_is_the_sum_of_negative_log_frequencies() {
    let chunks = [samples::<u16>(0, &[&[1, 1, 2], &[3]]), samples::<u16>(2, &[&[1, 1, 2, 3]])];
    let analysis = analyze::<VocabRarity>(json!({}), &chunks).unwrap();
    let (one, two, three) = (-(4.0f64 / 8.0).ln(), -(2.0f64 / 8.0).ln(), -(2.0f64 / 8.0).ln());
    let expected = [2.0 * one + two, three, 2.0 * one + two + three];
    for (found, expected) in floats(&analysis.values).iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }
    assert_eq!(analysis.totals, [0.0, 4.0, 2.0, 2.0]);
}

#[test]
fn every_token_width_gives_the_same_values_to_the_bit() {
    let tokens: Vec<u8> = (0..5_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cut = |n: usize| tokens.chunks(n).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let narrow = cut(37);
    let values = |chunk: Samples| floats(&analyze::<VocabRarity>(json!({}), &[chunk]).unwrap().values);
    let expected = values(samples(0, &narrow.iter().map(Vec::as_slice).collect::<Vec<&[u8]>>()));
    let middle: Vec<Vec<u16>> = narrow.iter().map(|s| s.iter().map(|&t| t.into()).collect()).collect();
    assert_eq!(values(samples(0, &middle.iter().map(Vec::as_slice).collect::<Vec<&[u16]>>())), expected);
    let wide: Vec<Vec<u32>> = narrow.iter().map(|s| s.iter().map(|&t| t.into()).collect()).collect();
    assert_eq!(values(samples(0, &wide.iter().map(Vec::as_slice).collect::<Vec<&[u32]>>())), expected);
}

#[test]
fn an_empty_sample_has_no_rarity() {
    let analysis = analyze::<VocabRarity>(json!({}), &[samples::<u32>(0, &[&[], &[5]])]).unwrap();
    assert_eq!(floats(&analysis.values), [0.0, 0.0]);
}

#[test]
fn a_token_id_past_the_limit_is_refused_with_its_sample() {
    let chunk = samples::<u32>(7, &[&[1], &[2, 4_000_000_000]]);
    let error = analyze::<VocabRarity>(json!({"max-vocab": 1000}), &[chunk]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "data: sample 8 holds token 4000000000, but ids must be below 1000, which is `max-vocab`; is the dataset damaged or of another token width?"
    );
}

#[test]
fn ids_that_never_occur_count_once_if_the_vocabulary_is_given_and_whole_values_are_cut() {
    let chunks = [samples::<u16>(0, &[&[1, 1, 2], &[3, 3, 3]])];
    let analysis = analyze::<VocabRarity>(json!({"vocab-size": 10}), &chunks).unwrap();
    // Seven ids occur never: 6 tokens and 7 more.
    let of = |count: f64| -(count / 13.0).ln();
    for (found, expected) in floats(&analysis.values).iter().zip([2.0 * of(2.0) + of(1.0), 3.0 * of(3.0)]) {
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }
    assert_eq!(analysis.totals, [0.0, 2.0, 1.0, 3.0]);
    let whole = analyze::<VocabRarity>(json!({"vocab-size": 10, "whole": true}), &chunks).unwrap();
    assert_eq!(whole.values, [Values::U64(vec![6, 4])]);
    let error = analyze::<VocabRarity>(json!({"vocab-size": 3}), &chunks).unwrap_err().to_string();
    assert!(error.starts_with("data: token 3 occurs, but ids must be below 3, which is `vocab-size`; "), "{error}");
}

#[test]
fn per_token_is_the_mean_and_leaves_an_empty_sample_at_0() {
    let chunks = [samples::<u8>(0, &[&[1, 1, 2, 2], &[], &[1]])];
    let values = floats(&analyze::<VocabRarity>(json!({"per-token": true}), &chunks).unwrap().values);
    let sums = floats(&analyze::<VocabRarity>(json!({}), &chunks).unwrap().values);
    assert_eq!(values, [sums[0] / 4.0, 0.0, sums[2]]);
    let error = analyze::<VocabRarity>(json!({"per-token": true, "whole": true}), &chunks).unwrap_err().to_string();
    assert!(error.contains("`per-token`"), "{error}");
}
