use std::time::Duration;

use serde_json::Value;

use super::guest::{GuestText, OK, guest};
use crate::{
    Error,
    columns::Values,
    plugin::{Limits, Metric, MetricPlugin, Needs, Samples},
};

/// A guest that wants one pass, hands back what it is given, and measures as told.
fn metric(measure: &str) -> GuestText {
    guest("metric")
        // ok(needs { passes: 1, tokens: true, values: true })
        .with("(data (i32.const 96) \"\\00\\00\\00\\00\\01\\00\\00\\00\\01\\01\")")
        .export("configure", "(param i32 i32) (result i32) (i32.const 96)")
        .export("accumulate", &format!("(param i32 i64 i32 i32 i32 i32 i32) (result i32) {OK}"))
        .export("partial", "(param i32) (result i32) (i32.store (i32.const 112) (i32.const 512)) (i32.store (i32.const 116) (i32.const 3)) (i32.const 112)")
        .with("(data (i32.const 512) \"abc\")")
        .export("merge", "(param i32 i32 i32) (result i32) (i32.store (i32.const 128) (i32.const 0)) (i32.store (i32.const 132) (i32.load (local.get 1))) (i32.store (i32.const 136) (i32.load offset=4 (local.get 1))) (i32.const 128)")
        .export("finish", &format!("(param i32 i32 i32) (result i32) {OK}"))
        .export("totals", "(result i32) (i32.store (i32.const 144) (i32.const 520)) (i32.store (i32.const 148) (i32.const 2)) (i32.const 144)")
        .export("measure", &format!("(param i64 i32 i32 i32 i32 i32) (result i32) {measure} (i32.const 160)"))
}

/// Answers `count` values of the case `case` that lie at 1024.
fn answer(case: u32, count: &str) -> String {
    format!(
        "(i32.store (i32.const 164) (i32.const {case})) (i32.store (i32.const 168) (i32.const 1024)) (i32.store (i32.const 172) {count})"
    )
}

/// As many values as there are samples.
const ALL: &str = "(i32.sub (local.get 5) (i32.const 1))";

fn start(guest: &GuestText, limits: &Limits) -> Metric {
    MetricPlugin::load("m", &guest.file().path(), &Value::Null, limits).unwrap().instantiate().unwrap()
}

const SAMPLES: Samples<'static> = Samples { first: 40, width: 2, tokens: &[1, 0, 2, 0, 3, 0], offsets: &[0, 1, 3] };

fn refused(guest: &GuestText) -> String {
    start(guest, &Limits::default()).measure(&SAMPLES).unwrap_err().to_string()
}

#[test]
fn all_calls_come_through() {
    let mut metric = start(&metric(&answer(2, ALL)), &Limits::default());
    assert_eq!(metric.needs(), Needs { passes: 1, tokens: true, values: true });
    metric.accumulate(0, &SAMPLES).unwrap();
    assert_eq!(metric.partial(0).unwrap(), b"abc");
    assert_eq!(metric.merge(0, &[b"first".to_vec(), b"second".to_vec()]).unwrap(), b"first");
    metric.finish(0, b"first").unwrap();
    assert_eq!(metric.totals().unwrap(), [0.0, 0.0]);
    assert_eq!(metric.measure(&SAMPLES).unwrap(), Values::U32(vec![0, 0]));
}

#[test]
fn a_wrong_count_names_the_samples() {
    assert_eq!(
        refused(&metric(&answer(0, "(i32.const 3)"))),
        "plugin `m`, metric.measure: it answered 3 values for the 2 samples 40 to 41; tell the author of the plugin"
    );
}

#[test]
fn a_nan_names_its_sample() {
    let nan = format!("(f64.store (i32.const 1032) (f64.const nan)) {}", answer(1, ALL));
    assert_eq!(refused(&metric(&nan)), "plugin `m`, metric.measure: its value for sample 41 is NaN; tell the author of the plugin");
}

#[test]
fn values_keep_their_type_in_every_instance() {
    let guest = metric(&answer(0, ALL).replace("(i32.const 0)", "(i32.load8_u (local.get 2))"));
    let plugin = MetricPlugin::load("m", &guest.file().path(), &Value::Null, &Limits::default()).unwrap();
    plugin.instantiate().unwrap().measure(&SAMPLES).unwrap();
    let other = Samples { tokens: &[2, 0, 2, 0, 3, 0], ..SAMPLES };
    assert_eq!(
        plugin.instantiate().unwrap().measure(&other).unwrap_err().to_string(),
        "plugin `m`, metric.measure: it answered f64 for one chunk and u32 for another; tell the author of the plugin"
    );
}

#[test]
fn totals_are_finite() {
    let guest = metric(&answer(0, ALL)).with("(data (i32.const 528) \"\\00\\00\\00\\00\\00\\00\\f0\\7f\")");
    let error = start(&guest, &Limits::default()).totals().unwrap_err().to_string();
    assert_eq!(error, "plugin `m`, metric.totals: its total 1 is inf, totals are finite; tell the author of the plugin");
}

#[test]
fn the_deadline_ends_an_endless_loop() {
    let limits = Limits { deadline: Duration::from_millis(30), ..Limits::default() };
    let error = start(&metric("(loop $l (br $l))"), &limits).measure(&SAMPLES).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("plugin `m`, metric.measure: it ran for ") && text.contains("longer than its deadline of 30 ms; "), "{text}");
    assert_eq!(error.code(), "plugin-limit");
}

#[test]
fn seventeen_passes_are_too_many() {
    let guest = metric("").with("(data (i32.const 100) \"\\11\")");
    let plugin = MetricPlugin::load("m", &guest.file().path(), &Value::Null, &Limits::default()).unwrap();
    let Error::Plugin(fault) = plugin.instantiate().unwrap_err() else { panic!() };
    assert_eq!(fault.problem, "it asks for 17 passes, at most 16 are made");
}

#[test]
fn a_metric_that_wants_nothing_is_refused() {
    let guest = metric("").with("(data (i32.const 100) \"\\00\\00\\00\\00\\01\\00\")");
    let plugin = MetricPlugin::load("m", &guest.file().path(), &Value::Null, &Limits::default()).unwrap();
    let Error::Plugin(fault) = plugin.instantiate().unwrap_err() else { panic!() };
    assert_eq!(fault.problem, "it asks for neither passes nor values, so there is nothing that it could find");
}
