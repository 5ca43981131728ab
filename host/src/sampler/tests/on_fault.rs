use super::bench::{Bench, GLOBAL, Given, at_step, drive, every, follow, next, pacing, part, policy, refused, resume, stateful};
use crate::{Change, Sampler};

const TRAP: &str = "unreachable";
const POLICY: &str = "plugin = \"./p.wasm\"\n";

/// What a policy gives that does not fail.
fn good(bench: &Bench) -> Given {
    bench.plugin("p", &policy("policy", ""));
    drive(bench, "", POLICY, None, 30).0
}

#[test]
fn a_policy_that_fails_stops_the_run_and_its_state_goes_on_with_a_better_one() {
    let bench = Bench::new();
    let expected = good(&bench);
    let misdeeds = [
        (TRAP, "plugin `./p.wasm`, policy.fill, step 4: it panicked"),
        ("(loop $l (br $l))", "it used up its fuel of 100000"),
        ("(return (i32.const 0))", "the batch came to 3 samples, 8 were asked for"),
        ("(return (i32.const 720))", "policy.fill, step 4: all; "),
        ("(drop (memory.grow (i32.const 30000)))", "memory"),
    ];
    for (misdeed, words) in misdeeds {
        bench.plugin("p", &policy("policy", &at_step(4, misdeed)));
        let written = format!("{POLICY}limits = {{ fuel = 100000 }}");
        let (given, error, state) = drive(&bench, "", &written, None, 30);
        assert_eq!(given, part(&expected, 0..4), "{misdeed}");
        let error = error.unwrap();
        assert!(error.contains(words), "{error}");
        assert_eq!((state.step(), state.consumed_samples()), (4, 4 * GLOBAL));
        // As it is, it fails again.
        assert_eq!(drive(&bench, "", &written, Some(&state), 30).1.unwrap(), error);
        bench.plugin("p", &policy("policy", ""));
        let mended = resume(&bench.run(""), &state, &[Change::Plugin]).unwrap();
        assert_eq!(follow(mended, 30).0, part(&expected, 4..30));
    }
}

#[test]
fn a_policy_that_fails_now_and_then_goes_on_under_restart_as_if_it_never_had() {
    let bench = Bench::new();
    let expected = good(&bench);
    bench.plugin("p", &policy("policy", &every(5, TRAP)));
    let written = format!("{POLICY}on-fault = \"restart\"\nrestarts = 1000");
    let (given, error, state) = drive(&bench, "", &written, None, 30);
    assert_eq!((given, error), (expected.clone(), None));
    assert_eq!(state.restarts()["policy"], 7);
    for step in [0, 1, 4, 5, 13, 29] {
        let (_, _, state) = drive(&bench, "", &written, None, step);
        assert_eq!(drive(&bench, "", &written, Some(&state), 30).0, part(&expected, step..30));
    }
}

#[test]
fn a_resume_does_not_fill_the_budget_of_restarts_again() {
    let bench = Bench::new();
    good(&bench);
    bench.plugin("p", &policy("policy", &every(5, TRAP)));
    let written = format!("{POLICY}on-fault = \"restart\"");
    let (given, error, state) = drive(&bench, "", &written, None, 30);
    assert_eq!((given.len(), state.step(), state.restarts()["policy"]), (16, 16, 3));
    assert_eq!(
        error.unwrap(),
        "plugin `./p.wasm`, policy.fill, step 16: it panicked, or reached code that it holds unreachable, after 3 restarts in this run; \
         see its last log lines, or tell its author, or raise `policy.restarts`"
    );
    let (_, _, state) = drive(&bench, "", &written, None, 10);
    assert_eq!(state.restarts()["policy"], 2);
    assert!(state.to_json().contains("\"restarts\":{\"policy\":2}"));
    let (_, error, state) = drive(&bench, "", &written, Some(&state), 30);
    assert_eq!((error.is_some(), state.step(), state.restarts()["policy"]), (true, 18, 3));
}

#[test]
fn a_fault_that_comes_again_after_every_restart_ends_the_run() {
    let bench = Bench::new();
    let expected = good(&bench);
    bench.plugin("p", &policy("policy", &at_step(4, TRAP)));
    let (given, error, state) = drive(&bench, "", &format!("{POLICY}on-fault = \"restart\"\nrestarts = 1"), None, 30);
    assert_eq!(given, part(&expected, 0..4));
    assert!(error.unwrap().contains("after 1 restarts in this run"));
    // Its restart led to no batch, so no state knows of it.
    assert_eq!((state.step(), state.restarts().len()), (4, 0));
}

#[test]
fn what_a_policy_remembers_is_restored_when_it_is_started_again() {
    let bench = Bench::new();
    let count = "(i32.store (i32.const 800) (i32.add (i32.load (i32.const 800)) (i32.const 1)))
        (if (i32.eq (i32.load (i32.const 800)) (i32.const 6)) (then unreachable))";
    bench.plugin("p", &stateful("", ""));
    let (expected, _, whole) = drive(&bench, "", POLICY, None, 30);
    bench.plugin("p", &stateful(count, ""));
    let (given, error, state) = drive(&bench, "", &format!("{POLICY}on-fault = \"restart\"\nrestarts = 50"), None, 30);
    assert_eq!((given, error), (expected, None));
    assert!(state.restarts()["policy"] >= 4);
    assert_eq!((&state.progress.policy, &state.progress.streams), (&whole.progress.policy, &whole.progress.streams));
    assert_eq!(state.progress.policy.as_deref(), Some(&[30][..]));
}

#[test]
fn uniform_goes_on_from_the_very_step_at_which_a_policy_failed() {
    let bench = Bench::new();
    let expected = good(&bench);
    let (_, _, before) = drive(&bench, "", POLICY, None, 4);
    bench.plugin("p", &policy("policy", &at_step(4, TRAP)));
    let written = format!("{POLICY}on-fault = \"fall-back\"");
    let (given, error, state) = drive(&bench, "", &written, None, 30);
    assert_eq!(error, None);
    assert_eq!(part(&given, 0..4), part(&expected, 0..4));
    let uniform = bench.try_run("", "", "plugin = \"uniform\"").unwrap();
    let alone = follow(resume(&uniform, &before, &[Change::Plugin]).unwrap(), 30);
    assert_eq!(part(&given, 4..30), alone.0);
    // What the policy drew in the step that it failed at was not drawn.
    let positions: Vec<_> = state.progress.streams.iter().map(|s| (&*s.name, s.position)).collect();
    assert_eq!(positions, [("all", 4 * GLOBAL), ("everything", 26 * GLOBAL)]);

    let fell_back = state.fell_back().unwrap();
    assert_eq!((fell_back.step, &*fell_back.plugin, &*fell_back.by), (4, "hand-made 1.0.0", &*uniform.identity.plugin));
    assert_eq!(fell_back.fault, "plugin `./p.wasm`, policy.fill: it panicked, or reached code that it holds unreachable (plugin-trap)");
    for step in [4, 5, 11] {
        let (_, _, state) = drive(&bench, "", &written, None, step);
        assert_eq!(state.fell_back().is_some(), step > 4);
        assert_eq!(drive(&bench, "", &written, Some(&state), 30).0, part(&given, step..30));
    }
}

#[test]
fn a_mended_policy_takes_over_again_where_it_stood() {
    let bench = Bench::new();
    bench.plugin("p", &stateful(&at_save(5), ""));
    let (_, _, state) = drive(&bench, "", &format!("{POLICY}on-fault = \"fall-back\""), None, 9);
    assert_eq!(state.fell_back().unwrap().step, 4);
    // Without the key there is nothing to go on with.
    assert_eq!(
        refused(&bench.run(""), &state, &[]).to_string(),
        "state `s.json`: as of step 9: policy `hand-made 1.0.0` failed at step 4 (plugin `./p.wasm`, snapshot.save: it panicked, or reached \
         code that it holds unreachable (plugin-trap)), and `uniform 0.1.0` decides from there on, and the run file does not say `on-fault = \
         \"fall-back\"`; add it to [policy], or mend the plugin and let it take over with `--allow plugin-change`"
    );
    bench.plugin("p", &stateful("", "").version("1.0.1"));
    let mut sampler = resume(&bench.run(""), &state, &[Change::Plugin]).unwrap();
    assert_eq!(next(&mut sampler).step, 9);
    let state = sampler.state();
    assert_eq!(state.fell_back(), None);
    let what: Vec<_> = state.changes().iter().map(|c| (c.step, &*c.what, &*c.from, &*c.to)).collect();
    assert_eq!(what, [(9, "plugin", "hand-made 1.0.0", "hand-made 1.0.1"), (9, "policy that decides", "uniform 0.1.0", "hand-made 1.0.1")]);
    // It goes on after the four steps that it decided, and this one.
    assert_eq!(state.progress.policy.as_deref(), Some(&[5][..]));
    assert_eq!(state.progress.streams[0].position, 5 * GLOBAL);
}

/// Fails in the `k`th call of `save`.
fn at_save(k: u32) -> String {
    format!(
        "(i32.store (i32.const 800) (i32.add (i32.load (i32.const 800)) (i32.const 1)))
        (if (i32.eq (i32.load (i32.const 800)) (i32.const {k})) (then unreachable))"
    )
}

#[test]
fn a_stream_of_the_name_that_uniform_uses_goes_on_in_its_order() {
    let bench = Bench::new();
    let mut guest = policy("policy", &at_step(2, TRAP)).with("(data (i32.const 512) \"everything\")");
    // Sequential, where `uniform` shuffles.
    guest = guest.replace(
        "(i32.const 512) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0)",
        "(i32.const 512) (i32.const 10) (i32.const 0) (i32.const 0) (i32.const 2)",
    );
    bench.plugin("p", &guest);
    let (given, error, state) = drive(&bench, "", &format!("{POLICY}on-fault = \"fall-back\""), None, 9);
    assert_eq!((given.len(), error), (9, None));
    assert_eq!(state.progress.streams.iter().map(|s| s.position).collect::<Vec<_>>(), [9 * GLOBAL]);
}

#[test]
fn what_another_rank_may_not_come_to_stops_the_run_whatever_was_chosen() {
    let bench = Bench::new();
    let expected = good(&bench);
    for (misdeed, words) in [("(loop $l (br $l))", "its deadline of 300 ms"), ("(drop (call $dive (i32.const 1)))", "nest too deep")] {
        bench.plugin("p", &policy("policy", &at_step(1, misdeed)));
        for choice in ["restart", "fall-back"] {
            let written = format!("{POLICY}on-fault = \"{choice}\"\nlimits = {{ deadline = \"300ms\", fuel = 1000000000000000 }}");
            let run = bench.try_run("", "", &written).unwrap();
            let (given, error, state) = follow(Sampler::start(&run).unwrap(), 9);
            assert_eq!(given, part(&expected, 0..1));
            let error = error.unwrap();
            assert!(error.contains(words), "{error}");
            assert!(state.fell_back().is_none() && state.restarts().is_empty());
        }
    }
}

#[test]
fn a_policy_that_cannot_be_started_is_told_at_once() {
    let bench = Bench::new();
    bench.plugin("p", &policy("policy", "").replace("(param i32 i32) (result i32)", "(param i32 i32) (result i32) unreachable"));
    for choice in ["restart", "fall-back"] {
        let error = Sampler::start(&bench.run(&format!("on-fault = \"{choice}\""))).unwrap_err().to_string();
        assert!(error.starts_with("plugin `./p.wasm`, policy.configure: it panicked"), "{error}");
    }
}

#[test]
fn a_fault_of_a_pacing_function_is_one_of_the_policy_that_asked_for_it() {
    let bench = Bench::new();
    let ask = "(call $difficulty (i32.const 512) (i32.const 3) (local.get 0) (i32.const 704))";
    bench.plugin("p", &policy("policy", ask));
    bench.plugin("q", &pacing("(if (i64.eq (local.get 0) (i64.const 3)) (then unreachable))"));
    let pacing = "[pacing.all]\nkind = \"plugin\"\nplugin = \"./q.wasm\"\n";
    let (given, error, state) = drive(&bench, "", &format!("{POLICY}on-fault = \"fall-back\"\n{pacing}"), None, 9);
    assert_eq!((given.len(), error), (9, None));
    assert_eq!(
        state.fell_back().unwrap().fault,
        "plugin `./q.wasm`, pacing.difficulty: it panicked, or reached code that it holds unreachable (plugin-trap)"
    );
    let (given, error, _) = drive(&bench, "", &format!("{POLICY}{pacing}"), None, 9);
    assert_eq!(given.len(), 3);
    assert!(error.unwrap().starts_with("plugin `./q.wasm`, pacing.difficulty, step 3: it panicked"));
}
