//! A policy in Python, with its interpreter in the sandbox. `cargo xtask bench sandbox` makes it.

use std::env;

use curricle::Run;
use curricle_tests::Corpus;

/// A run with the policy that `CURRICLE_PYTHON_PLUGIN` names.
fn run(corpus: &Corpus) -> Option<Run> {
    let Some(path) = env::var_os("CURRICLE_PYTHON_PLUGIN") else {
        eprintln!("skipped: CURRICLE_PYTHON_PLUGIN names no `halves.wasm`");
        return None;
    };
    Some(corpus.run(&format!(
        "[batch]\nglobal-batch-size = 7\n[policy]\nplugin = {:?}\nlimits = {{ preset = \"interpreted\" }}\n\
         config = {{ column = \"length\", share = 0.3 }}\n",
        path.to_string_lossy()
    )))
}

#[test]
fn what_a_policy_in_python_remembers_is_in_the_state_after_every_step() {
    let corpus = Corpus::new(200);
    let Some(run) = run(&corpus) else { return };
    let length = corpus.dataset();
    let mut whole = run.planner().unwrap();
    let mut state = whole.state();
    let mut lower = 0;
    for step in 0..20 {
        let expected = whole.plan().unwrap().unwrap();
        let mut resumed = run.planner_at(&state).unwrap();
        assert_eq!(resumed.plan().unwrap().unwrap().digest, expected.digest, "step {step}");
        state = whole.state();
        assert_eq!(resumed.state().to_json(), state.to_json());
        lower += expected.plan.ids().iter().filter(|id| curricle_tests::length(**id) <= 20).count();
    }
    assert_eq!(length.len(), 200);
    // 0.3 × 7 × 20 samples are of the lower half of the lengths, whose middle is near 20.
    assert!((36..=48).contains(&lower), "{lower}");
}
