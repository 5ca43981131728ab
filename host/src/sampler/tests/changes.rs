use super::bench::{Bench, GLOBAL, drive, follow, next, opening, part, policy, refused, resume, stateful};
use crate::{Change, Changed, SamplerState};

const POLICY: &str = "plugin = \"./p.wasm\"\n";

fn told(changes: &[Changed]) -> Vec<(u64, &str, &str, &str, &str)> {
    changes.iter().map(|c| (c.step, &*c.allowed, &*c.what, &*c.from, &*c.to)).collect()
}

#[test]
fn a_later_version_of_a_policy_goes_on_with_what_the_earlier_one_saved() {
    let bench = Bench::new();
    bench.plugin("p", &stateful("", ""));
    let (expected, _, _) = drive(&bench, "", POLICY, None, 20);
    let state = drive(&bench, "", POLICY, None, 6).2;
    bench.plugin("p", &stateful("", "").version("1.1.0"));
    assert_eq!(
        refused(&bench.run(""), &state, &[Change::Seed, Change::Config]).to_string(),
        "state `s.json`: it belongs to another run: plugin (saved hand-made 1.0.0, here hand-made 1.1.0) differs; resume with the same data, \
         plugin, configuration and seed, start from step 0, or let this pass with `--allow plugin-change`"
    );
    let (given, _, after) = follow(resume(&bench.run(""), &state, &[Change::Plugin]).unwrap(), 20);
    assert_eq!(given, part(&expected, 6..20));
    assert_eq!(after.progress.policy.as_deref(), Some(&[20][..]));
    let plugin = (6, "plugin-change", "plugin", "hand-made 1.0.0", "hand-made 1.1.0");
    assert_eq!(told(after.changes()), [plugin]);
    // The state is the new one's now, and tells of the change for ever. What is allowed and does not differ is no error.
    let again = resume(&bench.run(""), &after, &Change::ALL).unwrap().state();
    assert_eq!(told(again.changes()), [plugin]);
    assert_eq!(told(SamplerState::from_json(&again.to_json(), "x").unwrap().changes()), [plugin]);
}

#[test]
fn a_policy_that_refuses_what_was_saved_starts_without_it_only_if_that_is_allowed() {
    let bench = Bench::new();
    bench.plugin("p", &stateful("", ""));
    let state = drive(&bench, "", POLICY, None, 6).2;
    for (refusal, words) in [("(return (i32.const 720))", "all; "), ("unreachable", "it panicked")] {
        bench.plugin("p", &stateful("", refusal).version("2.0.0"));
        let error = refused(&bench.run(""), &state, &[Change::Plugin]).to_string();
        assert!(error.starts_with("plugin `./p.wasm`, snapshot.restore: ") && error.contains(words), "{error}");
        assert!(error.ends_with(", or let it start without what it saved: `--allow policy-state-loss`"), "{error}");
        let mut sampler = resume(&bench.run(""), &state, &[Change::Plugin, Change::PolicyState]).unwrap();
        next(&mut sampler);
        let after = sampler.state();
        assert_eq!(after.progress.policy.as_deref(), Some(&[1][..]));
        assert_eq!(after.progress.streams[0].position, 7 * GLOBAL);
        let lost = &after.changes()[1];
        assert_eq!((&*lost.allowed, &*lost.from), ("policy-state-loss", "1 bytes of `hand-made 1.0.0`"));
    }
}

#[test]
fn another_policy_starts_without_what_the_first_one_remembered() {
    let bench = Bench::new();
    bench.plugin("p", &stateful("", ""));
    let state = drive(&bench, "", POLICY, None, 6).2;
    for (guest, remembered) in [(stateful("", "unreachable"), Some(&[1][..])), (policy("policy", ""), None)] {
        bench.plugin("p", &guest.name("other"));
        let mut sampler = resume(&bench.run(""), &state, &[Change::Plugin]).unwrap();
        next(&mut sampler);
        let after = sampler.state();
        assert_eq!(after.progress.policy.as_deref(), remembered);
        assert_eq!(
            told(after.changes()),
            [
                (6, "plugin-change", "plugin", "hand-made 1.0.0", "other 1.0.0"),
                (6, "policy-state-loss", "saved state of the policy", "1 bytes of `hand-made 1.0.0`", "none: it is another plugin's"),
            ]
        );
    }
    // A version of the same plugin that remembers nothing any more.
    bench.plugin("p", &policy("policy", "").version("1.2.0"));
    let mut sampler = resume(&bench.run(""), &state, &[Change::Plugin]).unwrap();
    assert_eq!(next(&mut sampler).step, 6);
}

#[test]
fn a_stream_keeps_its_position_under_other_conditions_also_after_one_more_resume() {
    let bench = Bench::new();
    bench.plugin("p", &policy("policy", ""));
    let state = drive(&bench, "", POLICY, None, 6).2;
    // In another order, and opened at step 8.
    let late = "(if (i64.ge_u (local.get 0) (i64.const 8)) (then
        (call $open (i32.const 530) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 600))
        (if (i32.load8_u (i32.const 600)) (then unreachable))))";
    let late = policy("policy", late).with("(data (i32.const 512) \"now\") (data (i32.const 530) \"all\")").version("1.1.0");
    bench.plugin("p", &late);
    let mut first = resume(&bench.run(""), &state, &[Change::Plugin]).unwrap();
    next(&mut first);
    let (given, error, after) = follow(resume(&bench.run(""), &first.state(), &[]).unwrap(), 12);
    assert_eq!((given.len(), error), (5, None));
    let positions: Vec<_> = after.progress.streams.iter().map(|s| (&*s.name, s.position)).collect();
    assert_eq!(positions, [("all", 6 * GLOBAL), ("now", 6 * GLOBAL)]);

    bench.plugin("p", &opening("policy", "2", "(i32.const 0) (i32.const 0)", "").version("1.1.0"));
    let mut sampler = resume(&bench.run(""), &state, &[Change::Plugin]).unwrap();
    let ids: std::collections::BTreeSet<u64> = next(&mut sampler).ids().collect();
    assert_eq!(ids, (6 * GLOBAL..7 * GLOBAL).collect());
}
