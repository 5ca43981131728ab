//! Faults of plugins other than the policy, and keys that do not fit.

use super::bench::{Bench, GLOBAL, drive, pacing, part, policy};
use crate::plugin::tests::guest::{GuestText, OK, guest};

const POLICY: &str = "plugin = \"./p.wasm\"\n";
const EVERY_THIRD: &str = "(i32.store (i32.const 800) (i32.add (i32.load (i32.const 800)) (i32.const 1)))
    (if (i32.eq (i32.load (i32.const 800)) (i32.const 3)) (then unreachable))";

/// A packer that gives every sample a bin of its own, and does `before` that.
fn packer(before: &str) -> GuestText {
    guest("packer").export("configure", &format!("(param i32 i32) (result i32) {OK}")).export(
        "pack",
        &format!(
            "(param i32 i32 i32 i32 i32) (result i32) (local $i i32) {before}
            (block $done (loop $next
                (br_if $done (i32.eq (local.get $i) (local.get 1)))
                (i32.store (i32.add (i32.const 4096) (i32.mul (local.get $i) (i32.const 4))) (local.get $i))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br $next)))
            (i32.store (i32.const 68) (i32.const 4096)) (i32.store (i32.const 72) (local.get 1)) (i32.const 64)"
        ),
    )
}

#[test]
fn a_pacing_function_is_started_again_and_counted_under_its_name() {
    let bench = Bench::new();
    bench.plugin("p", &policy("policy", ""));
    let policy = |choice: &str| format!("{POLICY}[pacing.length]\nkind = \"plugin\"\nplugin = \"./q.wasm\"\n{choice}");
    let batch = "truncate = \"length\"\n";
    bench.plugin("q", &pacing(""));
    let (expected, _, _) = drive(&bench, batch, &policy(""), None, 12);
    bench.plugin("q", &pacing(EVERY_THIRD));
    let written = policy("on-fault = \"restart\"\nrestarts = 4\n");
    let (given, error, state) = drive(&bench, batch, &written, None, 10);
    assert_eq!((&given, error), (&part(&expected, 0..10), None));
    assert_eq!(state.restarts().iter().map(|(place, n)| (&**place, *n)).collect::<Vec<_>>(), [("pacing.length", 4)]);
    let (given, error, _) = drive(&bench, batch, &written, None, 12);
    assert_eq!(given.len(), 10);
    let error = error.unwrap();
    assert!(error.contains("after 4 restarts in this run") && error.ends_with("or raise `pacing.length.restarts`"), "{error}");
    assert_eq!(drive(&bench, batch, &policy(""), None, 12).0.len(), 2, "without leave the third call is the end");
}

#[test]
fn a_packer_under_a_budget_is_started_again_the_same_on_all_ranks() {
    let bench = Bench::new();
    bench.plugin("p", &policy("policy", ""));
    let tokens =
        |choice: &str| format!("[batch.tokens]\nmax-tokens = 20\nmicro-batches = 2\npacker = {{ plugin = \"./k.wasm\"{choice} }}\n");
    bench.plugin("k", &packer(""));
    let (expected, error, _) = drive(&bench, &tokens(""), POLICY, None, 12);
    assert_eq!((expected.len(), error), (12, None));
    bench.plugin("k", &packer(EVERY_THIRD));
    let (given, error, state) = drive(&bench, &tokens(", on-fault = \"restart\", restarts = 100"), POLICY, None, 12);
    assert_eq!((given, error), (expected, None));
    assert_eq!(state.restarts()["batch.tokens.packer"], 5);
    let half = drive(&bench, &tokens(", on-fault = \"restart\", restarts = 100"), POLICY, None, 6).2;
    assert_eq!(half.kept_back(), GLOBAL - 2);
}

#[test]
fn a_packer_of_rows_is_started_again_by_each_rank_for_itself() {
    let bench = Bench::new();
    bench.plugin("p", &policy("policy", ""));
    let rows = |choice: &str| format!("layout = \"rows\"\nrow-length = 20\npacker = {{ plugin = \"./k.wasm\"{choice} }}\n");
    bench.plugin("k", &packer(""));
    let (expected, _, _) = drive(&bench, &rows(""), POLICY, None, 12);
    bench.plugin("k", &packer(EVERY_THIRD));
    let (given, error, state) = drive(&bench, &rows(", on-fault = \"restart\", restarts = 100"), POLICY, None, 12);
    assert_eq!((given, error), (expected, None));
    assert!(state.restarts().is_empty());
}

#[test]
fn keys_that_do_not_fit_are_refused_with_their_line() {
    let bench = Bench::new();
    bench.plugin("p", &policy("policy", ""));
    bench.plugin("q", &pacing(""));
    let refused = |policy: &str| bench.try_run("", "", &format!("{POLICY}{policy}")).unwrap_err().to_string();
    assert_eq!(refused("restarts = 4"), "run.toml:8:12: `restarts` without `on-fault = \"restart\"`; add it, or leave `restarts` out");
    assert!(refused("on-fault = \"stop\"\nrestarts = 4").starts_with("run.toml:9:12: `restarts` without"));
    assert_eq!(
        refused("on-fault = \"restart\"\nrestarts = 0"),
        "run.toml:9:12: 0 restarts; give 1 to 1000, or `on-fault = \"stop\"` for none"
    );
    assert!(refused("on-fault = \"restart\"\nrestarts = 1001").starts_with("run.toml:9:12: 1001 restarts"));
    assert!(refused("on-fault = \"retry\"").contains("expected one of `stop`, `restart`, `fall-back`"));
    let pacing = "[pacing.length]\nkind = \"plugin\"\nplugin = \"./q.wasm\"\n";
    assert_eq!(
        refused(&format!("{pacing}on-fault = \"fall-back\"")),
        "run.toml:11:12: only a policy can fall back: `uniform` decides in its place, but no length or row is right for every run; choose \
         \"stop\" or \"restart\"; what fails while a policy asks for it is a fault of that policy, whose `on-fault` then holds"
    );
    let packer = "layout = \"rows\"\nrow-length = 20\npacker = { plugin = \"./k.wasm\", on-fault = \"fall-back\" }\n";
    let error = bench.try_run("", packer, POLICY).unwrap_err().to_string();
    assert!(error.starts_with("run.toml:8:44: only a policy can fall back"), "{error}");
}
