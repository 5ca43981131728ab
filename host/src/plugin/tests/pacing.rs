//! The limits and traps that all worlds share, on the smallest world.

use std::time::Duration;

use serde_json::{Value, json};

use super::guest::{GuestText, OK, guest};
use crate::{
    Result,
    plugin::{Limits, Pacing, PacingPlugin},
};

fn pacing() -> GuestText {
    guest("pacing").export("configure", &format!("(param i32 i32) (result i32) {OK}"))
}

fn load(guest: &GuestText, config: &Value, limits: &Limits) -> Result<PacingPlugin> {
    PacingPlugin::load("p", &guest.file().path(), config, limits)
}

fn start(guest: &GuestText, limits: &Limits) -> Result<Pacing> {
    load(guest, &Value::Null, limits)?.instantiate()
}

/// What a plugin whose `difficulty` is this body answers at step 7.
fn difficulty(body: &str, limits: &Limits) -> String {
    let guest = pacing().export("difficulty", &format!("(param i64) (result f64) {body}"));
    start(&guest, limits).unwrap().difficulty(7).unwrap_err().to_string()
}

#[test]
fn answers_follow_from_the_step() {
    let guest = pacing().export("difficulty", "(param i64) (result f64) (f64.convert_i64_u (local.get 0))");
    let plugin = load(&guest, &json!({}), &Limits::default()).unwrap();
    assert_eq!(plugin.description().name, "hand-made");
    assert_eq!(plugin.description().summary, "Made by hand");
    let mut pacing = plugin.instantiate().unwrap();
    assert_eq!(pacing.difficulty(3).unwrap(), 3.0);
    assert_eq!(pacing.difficulty(1 << 40).unwrap(), (1u64 << 40) as f64);
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    assert_eq!(
        difficulty("(loop $l (br $l)) (f64.const 0)", &Limits { fuel: 100_000, ..Limits::default() }),
        "plugin `p`, pacing.difficulty, step 7: it used up its fuel of 100000; look for a loop without end, or raise `limits.fuel`"
    );
}

#[test]
fn with_much_fuel_the_deadline_ends_a_loop() {
    let limits = Limits { fuel: u64::MAX, deadline: Duration::from_millis(30), ..Limits::default() };
    let text = difficulty("(loop $l (br $l)) (f64.const 0)", &limits);
    assert!(text.starts_with("plugin `p`, pacing.difficulty, step 7: it ran for "), "{text}");
    assert!(text.ends_with(" ms, longer than its deadline of 30 ms; look for a loop without end, or raise `limits.deadline`"), "{text}");
}

#[test]
fn fuel_is_not_carried_from_call_to_call() {
    let body =
        "(local i32) (loop $l (local.set 1 (i32.add (local.get 1) (i32.const 1))) (br_if $l (i32.lt_u (local.get 1) (i32.const 5000))))
        (f64.const 1)";
    let guest = pacing().export("difficulty", &format!("(param i64) (result f64) {body}"));
    let mut pacing = start(&guest, &Limits { fuel: 50_000, ..Limits::default() }).unwrap();
    for step in 0..100 {
        pacing.difficulty(step).unwrap();
    }
}

#[test]
fn traps_are_told_in_words() {
    let limits = Limits::default();
    let at = "plugin `p`, pacing.difficulty, step 7: ";
    assert_eq!(
        difficulty("(unreachable)", &limits),
        format!("{at}it panicked, or reached code that it holds unreachable; see its last log lines, or tell its author")
    );
    assert_eq!(
        difficulty("(f64.load (i32.const -8))", &limits),
        format!("{at}it reached beyond its memory; look for a bad pointer or index")
    );
    assert_eq!(
        difficulty("(drop (i32.div_u (i32.const 1) (i32.const 0))) (f64.const 0)", &limits),
        format!("{at}it divided by zero; tell the author of the plugin")
    );
    assert_eq!(
        difficulty("(call $again) (f64.const 0)) (func $again (call $again)", &limits),
        format!("{at}its calls nest too deep for its stack of 512 KiB; look for a recursion without end, or use a loop")
    );
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let text = difficulty("(f64.const nan)", &Limits::default());
    assert_eq!(text, "plugin `p`, pacing.difficulty, step 7: it answered NaN, a difficulty is finite; tell the author of the plugin");
}

#[test]
fn memory_is_summed_and_capped() {
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    assert_eq!(
        difficulty("(drop (memory.grow (i32.const 100))) (f64.const 0)", &limits),
        "plugin `p`, pacing.difficulty, step 7: it holds 256 KiB and wants 6400 KiB more memory, its limit is 1 MiB; look for something that \
         grows without end, or raise `limits.memory`"
    );
    let table = pacing().with("(table 200000 funcref)").export("difficulty", "(param i64) (result f64) (f64.const 0)");
    assert_eq!(
        start(&table, &limits).unwrap_err().to_string(),
        "plugin `p`, instantiate: it holds 256 KiB and wants 1600000 bytes more for tables, its limit is 1 MiB; look for something that grows \
         without end, or raise `limits.memory`"
    );
}

#[test]
fn after_an_error_it_cannot_be_called() {
    let guest = pacing().export("difficulty", "(param i64) (result f64) (unreachable)");
    let mut pacing = start(&guest, &Limits::default()).unwrap();
    pacing.difficulty(1).unwrap_err();
    assert_eq!(
        pacing.difficulty(2).unwrap_err().to_string(),
        "plugin `p`, pacing.difficulty, step 2: it cannot be called any more since `pacing.difficulty` failed; make another instance from the \
         last saved state"
    );
}

#[test]
fn a_loop_before_the_first_call_is_stopped_too() {
    let limits = Limits { fuel: 10_000, ..Limits::default() };
    let guest = pacing().export("difficulty", "(param i64) (result f64) (f64.const 0)").with("(func $s (loop $l (br $l))) (start $s)");
    assert!(start(&guest, &limits).unwrap_err().to_string().starts_with("plugin `p`, instantiate: it used up its fuel of 10000; "));
}

#[test]
fn a_refused_configuration_is_told_in_the_plugins_words() {
    let refusal = "(data (i32.const 64) \"\\01\\00\\00\\00\\00\\00\\00\\00\\00\\02\\00\\00\\10\\00\\00\\00\") (data (i32.const 512) \"bad\\1b[2J weights\\0a\")";
    let guest = guest("pacing")
        .export("configure", "(param i32 i32) (result i32) (i32.const 64)")
        .export("difficulty", "(param i64) (result f64) (f64.const 0)")
        .with(refusal);
    let error = start(&guest, &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "plugin-refused");
    assert_eq!(error.to_string(), "plugin `p`, pacing.configure: bad\\u{1b}[2J weights; change the configuration of the plugin");
}

#[test]
fn unreadable_answers_are_faults() {
    // A refusal whose text is not UTF-8, one beyond memory, and a discriminant that does not exist.
    let cases = [
        ("\\01\\00\\00\\00\\00\\00\\00\\00\\00\\02\\00\\00\\01\\00\\00\\00", "invalid utf-8 sequence of 1 bytes from index 0"),
        ("\\01\\00\\00\\00\\00\\00\\00\\00\\00\\02\\00\\00\\ff\\ff\\ff\\ff", "string pointer/length out of bounds of memory"),
        ("\\07", "invalid expected discriminant"),
    ];
    for (answer, expected) in cases {
        let guest = guest("pacing")
            .export("configure", "(param i32 i32) (result i32) (i32.const 64)")
            .export("difficulty", "(param i64) (result f64) (f64.const 0)")
            .with(&format!("(data (i32.const 64) \"{answer}\") (data (i32.const 512) \"\\ff\")"));
        let error = start(&guest, &Limits::default()).unwrap_err();
        assert_eq!(error.code(), "plugin-contract");
        let expected =
            format!("plugin `p`, pacing.configure: its answer or request cannot be read: {expected}; tell the author of the plugin");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_answer_that_is_too_long_is_not_copied() {
    let guest = guest("pacing")
        .export("configure", "(param i32 i32) (result i32) (i32.const 64)")
        .export("difficulty", "(param i64) (result f64) (f64.const 0)")
        .with("(data (i32.const 64) \"\\01\\00\\00\\00\\00\\00\\00\\00\\00\\02\\00\\00\\00\\00\\01\\00\")");
    assert_eq!(
        start(&guest, &Limits { answer: 4096, ..Limits::default() }).unwrap_err().to_string(),
        "plugin `p`, pacing.configure: it handed over more than 4 KiB at once; let it answer in less, or raise `limits.answer`"
    );
}

#[test]
fn the_configuration_is_checked_before_the_plugin_sees_it() {
    let guest = pacing()
        .export("difficulty", "(param i64) (result f64) (f64.const 0)")
        .schema(r#"{"type": "object", "properties": {"steps": {"type": "integer", "minimum": 1}}, "additionalProperties": false}"#);
    load(&guest, &json!({"steps": 4}), &Limits::default()).unwrap().instantiate().unwrap();
    let error = load(&guest, &json!({"steps": 0}), &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "plugin `p`, key `steps`: found 0; it must be at least 1");
}

#[test]
fn the_last_words_are_part_of_the_fault() {
    let guest = pacing()
        .import("logging", "log", "(param i32 i32 i32)")
        .with("(data (i32.const 512) \"step too late\")")
        .export("difficulty", "(param i64) (result f64) (call $log (i32.const 3) (i32.const 512) (i32.const 13)) (unreachable)");
    let error = start(&guest, &Limits::default()).unwrap().difficulty(0).unwrap_err();
    assert!(error.to_string().ends_with("tell its author\n  it logged: step too late"), "{error}");
}

#[test]
fn a_log_flood_is_cut() {
    let guest = pacing().import("logging", "log", "(param i32 i32 i32)").with("(data (i32.const 512) \"again\")").export(
        "difficulty",
        "(param i64) (result f64) (local i32)
            (loop $l (call $log (i32.const 0) (i32.const 512) (i32.const 5))
                (local.set 1 (i32.add (local.get 1) (i32.const 1))) (br_if $l (i32.lt_u (local.get 1) (i32.const 1000))))
            (unreachable)",
    );
    let error = start(&guest, &Limits::default()).unwrap().difficulty(0).unwrap_err().to_string();
    assert_eq!(error.matches("it logged: again").count(), 8);
    assert!(error.ends_with("it logged: (936 more lines suppressed)"), "{error}");
}
