use curricle_guest::testing::Run;
use serde_json::{Value, json};

use super::*;

/// 60 of `rs`, 30 of `md`, 10 of `py`, none of `go`.
fn run(config: Value) -> Run {
    let codes = (0..100).map(|id| [0, 0, 0, 0, 0, 0, 1, 1, 1, 2][id % 10]);
    Run::new(100).categories("domain", &["rs", "md", "py", "go"], codes).config(config)
}

fn refusal(config: Value) -> String {
    run(config).start::<Mixture>().unwrap_err().to_string()
}

#[test]
fn every_batch_holds_each_category_in_its_share() {
    let mut run = run(json!({"column": "domain", "weights": {"rs": 1, "md": 2, "py": 1}})).start::<Mixture>().unwrap();
    for _ in 0..100 {
        let batch = run.step(8).unwrap();
        assert_eq!(batch.draws, [("domain=rs".into(), 2), ("domain=md".into(), 4), ("domain=py".into(), 2)]);
        assert!(batch.ids[..2].iter().all(|id| id % 10 < 6));
        assert!(batch.ids[6..].iter().all(|id| id % 10 == 9));
        assert_eq!(batch.annotations["share:md"], 0.5);
    }
}

#[test]
fn shares_that_do_not_come_out_even_are_right_over_many_steps() {
    let mut run = run(json!({"column": "domain", "weights": {"rs": 0.55, "md": 0.33, "py": 0.12}})).start::<Mixture>().unwrap();
    let mut drawn = [0u32; 3];
    for _ in 0..1_000 {
        let batch = run.step(7).unwrap();
        for (stream, count) in &batch.draws {
            let category = ["domain=rs", "domain=md", "domain=py"].iter().position(|name| name == stream).unwrap();
            drawn[category] += count;
        }
    }
    for (drawn, quota) in drawn.into_iter().zip([3_850.0, 2_310.0, 840.0]) {
        assert!((f64::from(drawn) - quota).abs() < 5.0, "{drawn} of {quota}");
    }
}

#[test]
fn a_schedule_changes_shares_at_once_or_in_a_straight_line() {
    let schedule = json!([{"step": 0, "weights": {"rs": 3}}, {"step": 10, "weights": {"md": 1}}]);
    let shares = |interpolate: bool| {
        let config = json!({"column": "domain", "schedule": schedule, "interpolate": interpolate});
        let mut run = run(config).start::<Mixture>().unwrap();
        (0..12).map(|_| run.step(10).unwrap().annotations["share:md"]).collect::<Vec<_>>()
    };
    assert_eq!(shares(false), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    let line = shares(true);
    assert!(line.iter().zip(0..).all(|(share, step)| (share - f64::from(step.min(10)) / 10.0).abs() < 1e-12), "{line:?}");
}

#[test]
fn a_category_that_does_not_exist_is_refused_with_those_that_do() {
    assert_eq!(
        refusal(json!({"column": "domain", "weights": {"rs": 1, "cobol": 1}})),
        "configuration: `weights.cobol`: column `domain` has no such category; it has `rs`, `md`, `py`, `go`"
    );
}

#[test]
fn a_category_without_samples_is_refused() {
    assert_eq!(
        refusal(json!({"column": "domain", "weights": {"go": 1}})),
        "data: category `go` of `domain` has no sample; leave it out of `weights`"
    );
}

#[test]
fn weights_that_mean_nothing_are_refused_by_key() {
    let refused = |weights: Value| refusal(json!({"column": "domain", "weights": weights}));
    assert_eq!(refused(json!({"rs": -1})), "configuration: `weights.rs`: found -1; a weight is a finite number, 0 or more");
    assert_eq!(refused(json!({"rs": 0})), "configuration: `weights`: no category has a weight above 0; at least one must");
    assert_eq!(refused(json!({})), "configuration: `weights`: no category has a weight above 0; at least one must");
    assert_eq!(
        refusal(json!({"column": "domain"})),
        "configuration: `weights`: it is missing, and so is `schedule`; one of them is needed"
    );
}

#[test]
fn a_schedule_out_of_order_is_refused_by_key() {
    let refused = |steps: &[u64]| {
        let points: Vec<Value> = steps.iter().map(|step| json!({"step": step, "weights": {"rs": 1}})).collect();
        refusal(json!({"column": "domain", "schedule": points}))
    };
    assert_eq!(refused(&[1]), "configuration: `schedule[0].step`: found 1; the first point must be that of step 0");
    assert_eq!(refused(&[0, 5, 5]), "configuration: `schedule[2].step`: found 5 after 5; steps must ascend");
    assert_eq!(refused(&[]), "configuration: `schedule`: found no point; there must be at least one, with `step` 0");
}

#[test]
fn huge_weights_are_shares_like_any_other() {
    let mut run = run(json!({"column": "domain", "weights": {"rs": f64::MAX, "md": f64::MAX}})).start::<Mixture>().unwrap();
    assert_eq!(run.step(8).unwrap().draws, [("domain=rs".into(), 4), ("domain=md".into(), 4)]);
}
