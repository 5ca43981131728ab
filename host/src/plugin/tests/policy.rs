use std::sync::Arc;

use serde_json::Value;

use super::guest::{GuestFile, GuestText, OK, guest};
use crate::{
    Error, Result,
    batch::Plan,
    columns::Columns,
    plugin::{Context, Filled, Limits, Policy, PolicyPlugin, Step},
    streams::Streams,
};

const OPEN: &str = "(param i32 i32 i32 i32 i32 i32 i32 i32)";
const FILL: &str = "(param i64 i64 i32 i64) (result i32)";
const DRAW: &str = "(param i32 i32 i32 i32 i32)";

/// A guest that opens stream `all`, sequential, and fills as told.
fn policy(world: &'static str, fill: &str) -> GuestText {
    guest(world)
        .import("streams", "open", OPEN)
        .import("streams", "take", "(param i32 i32 i32)")
        .import("plan", "draw", DRAW)
        .import("plan", "size", "(result i32)")
        .import("dataset", "len", "(result i64)")
        .import("pacings", "difficulty", "(param i32 i32 i64 i32)")
        .with("(data (i32.const 512) \"all\") (data (i32.const 576) \"\\00\\00\\00\\00\\07\\00\\00\\00\")")
        .export(
            "configure",
            &format!(
                "(param i32 i32) (result i32)
                (call $open (i32.const 512) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 600))
                {OK}"
            ),
        )
        .export("fill", &format!("{FILL} {fill}"))
}

/// Draws `count` samples of stream `number`.
fn draw(number: u32, count: &str) -> String {
    format!(
        "(i32.store (i32.const 640) (i32.const {number})) (i32.store (i32.const 648) {count})
        (call $draw (i32.const 640) (i32.const 1) (i32.const 648) (i32.const 1) (i32.const 656))"
    )
}

fn context() -> Context {
    let columns = Arc::new(Columns::new(1000));
    Context { streams: Streams::new(columns.clone(), 1), columns, pacings: Box::new(|_, _| None) }
}

fn load(guest: &GuestText, limits: &Limits) -> PolicyPlugin {
    PolicyPlugin::load("q", &guest.file().path(), &Value::Null, limits).unwrap()
}

fn start(guest: &GuestText) -> Policy {
    load(guest, &Limits::default()).start(context(), None).unwrap()
}

fn step(index: u64) -> Step {
    Step { index, consumed_samples: index * 16, consumed_tokens: None }
}

fn fill(guest: &GuestText) -> Result<Filled> {
    start(guest).fill(step(5), &mut Plan::new(16))
}

fn refused(fill_body: &str) -> String {
    fill(&policy("policy", fill_body)).unwrap_err().to_string()
}

#[test]
fn a_batch_is_drawn() {
    let mut policy = start(&policy("policy", &format!("{} {OK}", draw(0, "(call $size)"))));
    let mut plan = Plan::new(16);
    assert_eq!(policy.fill(step(0), &mut plan).unwrap(), Filled::Batch);
    assert_eq!(plan.ids(), (0..16).collect::<Vec<u64>>());
    plan.reset(4);
    policy.fill(step(1), &mut plan).unwrap();
    assert_eq!(plan.ids(), [16, 17, 18, 19]);
    assert_eq!(policy.streams().get(0).unwrap().position(), 20);
    assert!(policy.spent().fuel > 0);
    assert!(policy.save().unwrap().is_empty());
}

#[test]
fn fuel_is_the_same_in_every_instance() {
    let guest = policy("policy", &format!("{} {OK}", draw(0, "(call $size)")));
    let used = || {
        let mut policy = start(&guest);
        policy.fill(step(0), &mut Plan::new(16)).unwrap();
        policy.spent().fuel
    };
    assert_eq!(used(), used());
}

#[test]
fn a_batch_of_another_size_is_a_fault() {
    let at = "plugin `q`, policy.fill, step 5: ";
    let remedy = "draw and append exactly `plan.size` samples";
    assert_eq!(
        refused(&format!("{} {OK}", draw(0, "(i32.const 15)"))),
        format!("{at}the batch came to 15 samples, 16 were asked for; {remedy}")
    );
    assert_eq!(
        refused(&format!("{} {OK}", draw(0, "(i32.const -1)"))),
        format!("{at}asked for 4294967295 samples, the batch has 16; {remedy}")
    );
}

#[test]
fn a_stream_that_was_never_opened_is_a_fault() {
    assert_eq!(
        refused(&format!("{} {OK}", draw(9, "(i32.const 16)"))),
        "plugin `q`, policy.fill, step 5: drew from stream 9, which was never opened; draw from numbers that `streams.open` returned to this instance"
    );
    assert_eq!(
        refused(&format!("(call $take (i32.const 3) (i32.const 1) (i32.const 700)) {OK}")),
        "plugin `q`, policy.fill, step 5: it named stream 3, which was never opened; use numbers that `streams.open` returned to this instance"
    );
}

#[test]
fn imports_are_a_fault_out_of_their_phase() {
    let guest = guest("policy")
        .import("plan", "size", "(result i32)")
        .export("configure", &format!("(param i32 i32) (result i32) (drop (call $size)) {OK}"))
        .export("fill", &format!("{FILL} {OK}"));
    assert_eq!(
        load(&guest, &Limits::default()).start(context(), None).unwrap_err().to_string(),
        "plugin `q`, policy.configure: it called `plan.size` in `configure` or `restore`; call it where `wit/` allows it"
    );
}

#[test]
fn an_exhausted_policy_ends_training_and_leaves_no_plan() {
    let exhausted = "(i32.const 720)";
    let guest =
        policy("policy", &format!("{} {exhausted}", draw(0, "(i32.const 3)"))).with("(data (i32.const 720) \"\\01\\00\\00\\00\\03\")");
    let mut plan = Plan::new(16);
    assert_eq!(start(&guest).fill(step(0), &mut plan).unwrap(), Filled::Exhausted);
    assert!(plan.ids().is_empty());
}

#[test]
fn too_many_samples_at_once_are_a_fault() {
    assert_eq!(
        refused(&format!("(call $take (i32.const 0) (i32.const 2000000) (i32.const 700)) {OK}")),
        "plugin `q`, policy.fill, step 5: it asked `streams.take` for 2000000 samples at once, at most 1048576 are given; take fewer at a time"
    );
}

#[test]
fn work_of_the_host_is_held_to_the_fuel() {
    let body = format!("(loop $l (call $difficulty (i32.const 512) (i32.const 3) (i64.const 0) (i32.const 704)) (br $l)) {OK}");
    let guest = policy("policy", &body);
    let limits = Limits { fuel: 3_000, ..Limits::default() };
    let error = load(&guest, &limits).start(context(), None).unwrap().fill(step(5), &mut Plan::new(16)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `q`, policy.fill, step 5: the host did work of 2708 units for it and is asked for 552 more, its fuel is 3000; ask once for many \
         samples and keep the answers, or raise `limits.fuel`"
    );
}

#[test]
fn a_panic_of_the_host_in_an_import_is_an_error() {
    let guest = policy("policy", &format!("(call $difficulty (i32.const 512) (i32.const 3) (local.get 0) (i32.const 704)) {OK}"));
    let pacings = Box::new(|_: &str, step: u64| -> Option<Result<f64>> { panic!("no difficulty at {step}") });
    let mut policy = load(&guest, &Limits::default()).start(Context { pacings, ..context() }, None).unwrap();
    let mut plan = Plan::new(16);
    let error = policy.fill(step(5), &mut plan).unwrap_err();
    assert_eq!(error.code(), "internal");
    let expected = "internal error while plugin `q`, policy.fill, step 5: no difficulty at 5; ";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert_eq!(plan.size(), 16);
    let error = policy.fill(step(6), &mut plan).unwrap_err().to_string();
    assert!(error.contains("it cannot be called any more since `policy.fill` failed"), "{error}");
}

#[test]
fn what_is_handed_over_is_work_for_the_host() {
    let guest = guest("policy")
        .import("logging", "log", "(param i32 i32 i32)")
        .export("configure", &format!("(param i32 i32) (result i32) {OK}"))
        .export("fill", &format!("{FILL} (loop $l (call $log (i32.const 0) (i32.const 0) (i32.const 65536)) (br $l)) {OK}"));
    let limits = Limits { fuel: 100_000, ..Limits::default() };
    let error = load(&guest, &limits).start(context(), None).unwrap().fill(step(5), &mut Plan::new(16)).unwrap_err().to_string();
    assert!(error.contains("the host did work of 98904 units for it and is asked for 8242 more, its fuel is 100000"), "{error}");
}

#[test]
fn a_fault_of_a_pacing_function_is_passed_on() {
    let guest = policy("policy", &format!("(call $difficulty (i32.const 512) (i32.const 3) (local.get 0) (i32.const 704)) {OK}"));
    let pacings = Box::new(|name: &str, step: u64| Some(Err(Error::data(format!("{name} at {step}"), "mend it"))));
    let mut policy = load(&guest, &Limits::default()).start(Context { pacings, ..context() }, None).unwrap();
    assert_eq!(policy.fill(step(5), &mut Plan::new(16)).unwrap_err().to_string(), "all at 5; mend it");
}

/// A stateful guest that keeps one byte, at 800.
fn stateful(save_length: u32) -> GuestText {
    policy(
        "stateful-policy",
        &format!("(i32.store8 (i32.const 800) (i32.add (i32.load8_u (i32.const 800)) (i32.const 1))) {} {OK}", draw(0, "(call $size)")),
    )
    .export_of(
        "snapshot",
        "save",
        &format!(
            "(result i32) (i32.store (i32.const 808) (i32.const 800)) (i32.store (i32.const 812) (i32.const {save_length})) (i32.const 808)"
        ),
    )
    .export_of(
        "snapshot",
        "restore",
        &format!("(param i32 i32) (result i32) (i32.store8 (i32.const 800) (i32.load8_u (local.get 0))) {OK}"),
    )
}

#[test]
fn a_state_comes_back() {
    let plugin = load(&stateful(1), &Limits::default());
    assert!(plugin.is_stateful());
    let mut first = plugin.start(context(), None).unwrap();
    first.fill(step(0), &mut Plan::new(2)).unwrap();
    first.fill(step(1), &mut Plan::new(2)).unwrap();
    let state = first.save().unwrap();
    assert_eq!(state, [2]);
    let mut second = plugin.start(context(), Some(&state)).unwrap();
    second.fill(step(2), &mut Plan::new(2)).unwrap();
    assert_eq!(second.save().unwrap(), [3]);
}

#[test]
fn a_state_for_a_policy_that_keeps_none_is_refused() {
    let plugin = load(&policy("policy", OK), &Limits::default());
    plugin.start(context(), Some(&[])).unwrap();
    assert_eq!(
        plugin.start(context(), Some(&[1, 2])).unwrap_err().to_string(),
        "state `in memory`: it holds 2 bytes of the policy, but `hand-made` keeps none; resume with the policy that the state was saved with"
    );
}

#[test]
fn a_policy_that_exports_half_of_snapshot_does_not_fit_its_world() {
    // A name of the same length, wherever the component says it, so that nothing else of it changes.
    let (function, other) = (b"restore", b"restart");
    let mut component = stateful(3).component();
    while let Some(at) = component.windows(function.len()).position(|found| found == function) {
        component[at..at + other.len()].copy_from_slice(other);
    }
    let error = PolicyPlugin::load("q", &GuestFile::new(&component).path(), &Value::Null, &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "plugin-link");
    assert!(error.to_string().starts_with("plugin `q`, load: it does not fit its world: "), "{error}");
}

#[test]
fn a_large_state_is_refused() {
    let plugin = load(&stateful(5000), &Limits { state: 4096, ..Limits::default() });
    assert_eq!(
        plugin.start(context(), None).unwrap().save().unwrap_err().to_string(),
        "plugin `q`, snapshot.save: its state has 5000 bytes, at most 4 KiB are kept; let it remember less, or raise `limits.state`"
    );
}

#[test]
fn an_instance_that_ended_leaves_no_choice_to_who_asks_it_again() {
    let guest = policy("policy", &format!("(loop $l (br $l)) {OK}"));
    let limits = Limits { deadline: std::time::Duration::from_millis(20), fuel: u64::MAX, ..Limits::default() };
    let mut policy = load(&guest, &limits).start(context(), None).unwrap();
    for call in ["ran", "cannot be called any more since `policy.fill` failed"] {
        let Err(Error::Plugin(fault)) = policy.fill(step(5), &mut Plan::new(16)) else { panic!("it answered") };
        assert!(fault.problem.contains(call) && !fault.deterministic, "{fault}");
    }
}
