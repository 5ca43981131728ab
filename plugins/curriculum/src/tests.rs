use std::collections::{BTreeMap, BTreeSet};

use curricle_guest::testing::{Run, Started, State};
use serde_json::{Value, json};

use super::*;

const N: u64 = 400;

fn length(id: u64) -> f64 {
    (id * 7 % 40 + 1) as f64
}

fn loss(id: u64) -> f64 {
    (id * 13 % 101) as f64 / 10.0
}

fn data() -> Run {
    Run::new(N).numbers("seqlen", (0..N).map(length)).numbers("loss", (0..N).map(loss)).categories("domain", &["a"], (0..N).map(|_| 0))
}

fn by_length(pacing: impl Fn(u64) -> f64 + 'static) -> Run {
    data().pacing("grow", pacing).config(json!({"metrics": [{"column": "seqlen", "by": "value", "pacing": "grow"}]}))
}

fn by_both() -> Run {
    let metrics =
        json!([{"column": "seqlen", "by": "value", "pacing": "length"}, {"column": "loss", "by": "percentile", "pacing": "loss"}]);
    data().pacing("length", |s| 5.0 + (s / 3) as f64).pacing("loss", |s| 10.0 + 4.0 * (s / 2) as f64).config(json!({"metrics": metrics}))
}

fn refusal(config: Value) -> String {
    data().pacing("grow", |_| 10.0).config(config).start::<Curriculum>().unwrap_err().to_string()
}

#[test]
fn only_samples_up_to_the_difficulty_are_drawn_and_all_of_them() {
    let mut run = by_length(|step| 8.0 + step.min(32) as f64).start::<Curriculum>().unwrap();
    let mut seen = BTreeSet::new();
    for step in 0..40 {
        let batch = run.step(200).unwrap();
        let difficulty = f64::from(8 + step.min(32));
        assert!(batch.ids.iter().all(|&id| length(id) <= difficulty), "step {step}");
        assert_eq!(batch.annotations["difficulty:seqlen"], difficulty);
        seen.extend(batch.ids);
    }
    assert_eq!(seen.len() as u64, N);
}

#[test]
fn every_eligible_sample_is_drawn_equally_often() {
    let mut run = by_length(|step| if step < 50 { 10.0 } else { 20.0 }).start::<Curriculum>().unwrap();
    (0..50).for_each(|_| drop(run.step(10)));
    let mut drawn: BTreeMap<u64, u32> = BTreeMap::new();
    for _ in 0..400 {
        run.step(10).unwrap().ids.into_iter().for_each(|id| *drawn.entry(id).or_default() += 1);
    }
    // 4 000 draws of 200 samples.
    assert_eq!(drawn.len(), 200);
    assert!(drawn.values().all(|count| (19..=21).contains(count)), "{drawn:?}");
}

#[test]
fn with_two_metrics_streams_are_disjoint_and_cover_what_is_eligible() {
    let mut run = by_both().start::<Curriculum>().unwrap();
    let mut ascending: Vec<u64> = (0..N).collect();
    ascending.sort_by(|&a, &b| loss(a).total_cmp(&loss(b)));
    for step in 0..60u64 {
        let easy: BTreeSet<u64> =
            ascending[..(N as f64 * (10.0 + 4.0 * (step / 2) as f64).min(100.0) / 100.0) as usize].iter().copied().collect();
        if 10 + 4 * (step / 2) > 100 {
            assert_eq!(
                run.step(1).unwrap_err().to_string(),
                "configuration: `pacing.loss`: it gives 102 for `loss`, but a percentile is within 0 to 100"
            );
            break;
        }
        let eligible: BTreeSet<u64> = easy.into_iter().filter(|&id| length(id) <= 5.0 + (step / 3) as f64).collect();
        let batch = run.step(64).unwrap();
        assert!(batch.ids.iter().all(|id| eligible.contains(id)), "step {step}");
        if batch.ids.len() >= 2 * eligible.len() {
            let drawn: BTreeSet<u64> = batch.ids.into_iter().collect();
            assert_eq!(drawn, eligible, "step {step}");
        }
    }
}

fn ids(run: &mut Started<Curriculum>, steps: u64) -> Vec<Vec<u64>> {
    (0..steps).map(|_| run.step(16).unwrap().ids).collect()
}

#[test]
fn a_resumed_run_goes_on_as_if_nothing_had_been() {
    let straight = ids(&mut by_both().start::<Curriculum>().unwrap(), 40);
    for stop in [0, 1, 7, 23] {
        let mut run = by_both().start::<Curriculum>().unwrap();
        let before = ids(&mut run, stop);
        let state: State = run.state();
        let after = ids(&mut by_both().resume::<Curriculum>(&state).unwrap(), 40 - stop);
        assert_eq!([before, after].concat(), straight, "stopped at {stop}");
    }
}

#[test]
fn a_difficulty_that_falls_starts_over_and_comes_back_to_its_streams() {
    let mut run = by_length(|step| if step % 2 == 0 { 20.0 } else { 10.0 }).start::<Curriculum>().unwrap();
    let streams: Vec<Vec<(String, u32)>> = (0..4).map(|_| run.step(8).unwrap().draws).collect();
    assert_eq!(streams[0], [("seqlen(,20]".into(), 8)]);
    assert_eq!(streams[1], [("seqlen(,10]".into(), 8)]);
    assert_eq!(streams[2].iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["seqlen(,10]", "seqlen(10,20]"]);
    assert_eq!(streams[3], streams[1]);
}

#[test]
fn difficulties_between_two_values_open_no_stream() {
    let mut run = by_length(|step| 10.0 + step as f64 / 100.0).start::<Curriculum>().unwrap();
    (0..50).for_each(|_| drop(run.step(8)));
    // Version, number of metrics, a lower bound, one difficulty.
    assert_eq!(run.state().policy.len(), 2 + 8 + 8);
}

#[test]
fn pacing_functions_are_asked_as_often_as_configured() {
    let metrics = json!([{"column": "seqlen", "by": "value", "pacing": "grow"}]);
    let mut run =
        data().pacing("grow", |step| 10.0 + step as f64).config(json!({"metrics": metrics, "every": 4})).start::<Curriculum>().unwrap();
    let difficulties: Vec<f64> = (0..9).map(|_| run.step(1).unwrap().annotations["difficulty:seqlen"]).collect();
    assert_eq!(difficulties, [10.0, 10.0, 10.0, 10.0, 14.0, 14.0, 14.0, 14.0, 18.0]);
}

#[test]
fn nothing_eligible_is_refused_with_the_smallest_value() {
    let error = by_length(|_| 0.5).start::<Curriculum>().unwrap().step(8).unwrap_err();
    assert_eq!(
        error.to_string(),
        "data: no sample is eligible: the difficulty of `seqlen` is 0.5 and its smallest value 1; let the pacing function begin higher"
    );
}

#[test]
fn a_configuration_that_does_not_fit_the_data_is_refused_by_key() {
    let metric = |column: &str, by: &str, pacing: &str| json!({"column": column, "by": by, "pacing": pacing});
    assert_eq!(
        refusal(json!({"metrics": [metric("len", "value", "grow")]})),
        "configuration: `metrics[0].column`: the run file grants no column `len`; it grants `domain`, `loss`, `seqlen`"
    );
    assert_eq!(
        refusal(json!({"metrics": [metric("domain", "value", "grow")]})),
        "configuration: `metrics[0].column`: column `domain` holds categories; a curriculum needs numbers"
    );
    assert_eq!(
        refusal(json!({"metrics": [metric("loss", "value", "grow"), metric("loss", "percentile", "grow")]})),
        "configuration: `metrics[1].column`: column `loss` is named twice; a column has one difficulty"
    );
    assert_eq!(
        refusal(json!({"metrics": [metric("loss", "rank", "grow")]})),
        "configuration: `metrics[0].by`: unknown variant `rank`, expected `value` or `percentile`"
    );
    assert_eq!(
        refusal(json!({"metrics": [{"column": "loss", "by": "value", "pacing": "grow", "of": 9}]})),
        "configuration: `metrics[0].of`: parts have no meaning by value; they go with by = \"percentile\""
    );
    assert_eq!(
        refusal(json!({"metrics": [{"column": "loss", "by": "percentile", "pacing": "grow", "of": 0}]})),
        "configuration: `metrics[0].of`: found 0, but there must be at least 1 part"
    );
    assert_eq!(
        refusal(json!({"metrics": [{"column": "loss", "by": "percentile", "pacing": "grow", "of": 9}]})),
        "configuration: `pacing.grow`: it gives 10 for `loss`, but 9 parts are within 0 to 9"
    );
    assert_eq!(
        refusal(json!({"metrics": [{"column": "loss", "by": "value", "pacing": "grow", "above": "floor"}]})),
        "configuration: the run file has no `[pacing.floor]`"
    );
    assert_eq!(refusal(json!({"metrics": [], "annotate": ["shrink"]})), "configuration: the run file has no `[pacing.shrink]`");
    assert_eq!(refusal(json!({"metrics": [], "annotate": ["grow", "grow"]})), "configuration: `annotate[1]`: `grow` is named twice");
    assert_eq!(
        refusal(json!({"metrics": [metric("loss", "value", "grow")], "annotate": ["loss"]})),
        "configuration: `annotate[0]`: `difficulty:loss` is the difficulty of column `loss`; rename the pacing function"
    );
    assert_eq!(refusal(json!({"metrics": [metric("loss", "value", "shrink")]})), "configuration: the run file has no `[pacing.shrink]`");
}

#[test]
fn a_damaged_state_is_refused() {
    let mut state = by_both().start::<Curriculum>().unwrap().state();
    let mut refused = |bytes: &[u8]| {
        state.policy = bytes.to_vec();
        by_both().resume::<Curriculum>(&state).unwrap_err().to_string()
    };
    assert_eq!(refused(&[1]), "state: the saved state has 1 bytes, at least 2 are needed; it is damaged");
    assert_eq!(refused(&[1, 2]), "state: the saved state is of version 1, this plugin reads version 2; use the plugin that saved it");
    assert_eq!(refused(&[2, 1]), "state: the saved state is of 1 metrics, the configuration of 2; restore the configuration");
    assert_eq!(refused(&[2, 2, 0]), "state: the saved difficulties are incomplete or no numbers; the state is damaged");
    let no_number = saved::to_bytes(2, &[f64::NAN, 1.0], &[vec![9.0, 50.0]]);
    assert_eq!(refused(&no_number), "state: the saved difficulties are incomplete or no numbers; the state is damaged");
    let falling = saved::to_bytes(2, &[f64::NEG_INFINITY; 2], &[vec![9.0, 50.0], vec![8.0, 60.0]]);
    assert_eq!(refused(&falling), "state: the saved difficulties do not ascend; the state is damaged");
}

/// Ids drawn at one step of a batch that is large enough to go through every stream.
fn eligible(run: &mut Started<Curriculum>) -> BTreeSet<u64> {
    run.step(2 * N as u32).unwrap().ids.into_iter().collect()
}

fn where_(meets: impl Fn(u64) -> bool) -> BTreeSet<u64> {
    (0..N).filter(|&id| meets(id)).collect()
}

#[test]
fn without_a_metric_every_sample_is_eligible_and_comes_once_a_pass() {
    let mut run =
        data().pacing("grow", |step| step as f64).config(json!({"metrics": [], "annotate": ["grow"]})).start::<Curriculum>().unwrap();
    for pass in 0..3 {
        let batch = run.step(N as u32).unwrap();
        assert_eq!(batch.ids.iter().copied().collect::<BTreeSet<_>>(), where_(|_| true));
        assert_eq!(batch.annotations, BTreeMap::from([("difficulty:grow".to_owned(), f64::from(pass))]));
        assert_eq!(batch.draws, [("everything".to_owned(), N as u32)]);
    }
    let mut resumed =
        data().pacing("grow", |step| step as f64).config(json!({"metrics": [], "annotate": ["grow"]})).resume(&run.state()).unwrap();
    assert_eq!(ids(&mut resumed, 5), ids(&mut run, 5));
}

fn window(above: impl Fn(u64) -> f64 + 'static, upto: impl Fn(u64) -> f64 + 'static, by: &str) -> Run {
    let metric = json!({"column": "seqlen", "by": by, "pacing": "upto", "above": "above"});
    data().pacing("above", above).pacing("upto", upto).config(json!({"metrics": [metric]}))
}

#[test]
fn a_lower_bound_leaves_out_what_is_at_or_below_it() {
    let mut run = window(|s| 3.0 + (s / 2) as f64, |s| 9.0 + s as f64, "value").start::<Curriculum>().unwrap();
    for step in 0..12u64 {
        let (above, upto) = (3.0 + (step / 2) as f64, 9.0 + step as f64);
        let batch = run.step(2 * N as u32).unwrap();
        assert_eq!(batch.ids.iter().copied().collect::<BTreeSet<_>>(), where_(|id| above < length(id) && length(id) <= upto), "{step}");
        assert_eq!((batch.annotations["above:seqlen"], batch.annotations["difficulty:seqlen"]), (above, upto));
    }
}

#[test]
fn bounds_that_move_past_no_sample_leave_the_streams_as_they_are() {
    // Lengths are whole numbers.
    let mut run = window(|s| 3.0 + (s % 3) as f64 / 4.0, |s| 9.0 + (s % 2) as f64 / 2.0, "value").start::<Curriculum>().unwrap();
    let whole = where_(|id| 3.0 < length(id) && length(id) <= 9.0);
    let mut drawn = Vec::new();
    for _ in 0..whole.len() {
        drawn.extend(run.step(1).unwrap().ids);
    }
    assert_eq!(drawn.into_iter().collect::<BTreeSet<_>>(), whole, "a sample came twice before all came once");
    assert_eq!(run.state().policy.len(), 2 + 8 + 8);
}

#[test]
fn windows_by_percentile_are_parts_of_the_order() {
    let mut ascending: Vec<u64> = (0..N).collect();
    ascending.sort_by(|&a, &b| length(a).total_cmp(&length(b)));
    let mut run = window(|s| 10.0 * s as f64, |s| 25.0 + 10.0 * s as f64, "percentile").start::<Curriculum>().unwrap();
    for step in 0..7usize {
        let expected = ascending[N as usize * step / 10..N as usize * (25 + 10 * step) / 100].iter().copied().collect();
        assert_eq!(eligible(&mut run), expected);
    }
}

#[test]
fn a_difficulty_in_parts_of_any_number_is_exact_to_the_sample() {
    let mut ascending: Vec<u64> = (0..N).collect();
    ascending.sort_by(|&a, &b| loss(a).total_cmp(&loss(b)));
    for of in [1u64, 3, 7, 29, 50, 100, 399, 1000] {
        let metric = json!({"column": "loss", "by": "percentile", "of": of, "pacing": "grow"});
        let mut run =
            data().pacing("grow", move |s| (of.div_ceil(7) * (s + 1)).min(of) as f64).config(json!({"metrics": [metric]})).start().unwrap();
        for step in 0..8 {
            let d = (of.div_ceil(7) * (step + 1)).min(of);
            assert_eq!(eligible(&mut run), ascending[..(N * d / of) as usize].iter().copied().collect(), "{d} of {of}");
        }
    }
}

#[test]
fn windows_resume_where_they_stood() {
    let run = || window(|s| (s / 5) as f64, |s| 20.0 + (s * 7 % 11) as f64, "value");
    let straight = ids(&mut run().start::<Curriculum>().unwrap(), 40);
    for stop in [1, 9, 23, 31] {
        let mut first = run().start::<Curriculum>().unwrap();
        let before = ids(&mut first, stop);
        let after = ids(&mut run().resume::<Curriculum>(&first.state()).unwrap(), 40 - stop);
        assert_eq!([before, after].concat(), straight, "stopped at {stop}");
    }
}

#[test]
fn a_window_that_holds_nothing_is_refused_with_both_bounds() {
    assert_eq!(
        window(|_| 9.5, |_| 9.75, "value").start::<Curriculum>().unwrap().step(8).unwrap_err().to_string(),
        "data: no sample is eligible: the difficulty of `seqlen` is 9.75, its lower bound 9.5 and its smallest value 1; let the pacing \
         function begin higher"
    );
    assert_eq!(
        window(|_| 50.0, |_| 10.0, "percentile").start::<Curriculum>().unwrap().step(8).unwrap_err().to_string(),
        "data: no sample is eligible: the difficulty of `seqlen` is percentile 10 of 400 samples, its lower bound 50; let the pacing \
         function begin higher"
    );
}
