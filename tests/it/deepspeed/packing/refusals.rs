//! What a run with `[batch.tokens]` refuses, by key.

use curricle::{Sampler, SamplerState};
use curricle_tests::Corpus;

const UNIFORM: &str = "[policy]\nplugin = \"uniform\"\n";

fn refused(corpus: &Corpus, batch: &str, tokens: &str) -> String {
    let rest = format!("[batch]\n{batch}\n[batch.tokens]\n{tokens}\n{UNIFORM}[pacing.p]\nkind = \"linear\"\nmin = 1\nmax = 2\nsteps = 3\n");
    corpus.try_run(&rest).unwrap_err().to_string()
}

#[test]
fn keys_that_do_not_go_together_are_refused_with_line_and_remedy() {
    let corpus = Corpus::new(10);
    let tokens = "max-tokens = 90\nmicro-batches = 4";
    let cases = [
        (
            "global-batch-size = 8\nmicro-batch-size = 2",
            tokens.to_owned(),
            "run.toml:6:20: `micro-batch-size` beside `[batch.tokens]`, where \
          tokens decide how many samples a micro-batch has; leave it out; `max-samples` bounds them",
        ),
        (
            "global-batch-size = 8\ndp-world-size = 3",
            tokens.to_owned(),
            "run.toml:9:17: 4 micro-batches for 3 ranks; make `micro-batches` a \
          multiple of `dp-world-size`",
        ),
        (
            "global-batch-size = 8\ndp-world-size = 2\ngradient-accumulation-steps = 3",
            tokens.to_owned(),
            "run.toml:10:17: 4 micro-batches \
          are not 2 ranks × 3 accumulation steps; choose numbers that multiply, or leave `gradient-accumulation-steps` out",
        ),
        (
            "global-batch-size = 3",
            tokens.to_owned(),
            "run.toml:5:21: 3 samples in hand, and 4 micro-batches of 1 at least take 4; raise it, to \
          a few times what a step takes, or lower `micro-batches`",
        ),
        ("global-batch-size = 8", "max-tokens = 0\nmicro-batches = 4".into(), "run.toml:7:14: `max-tokens` is 0; give at least 1"),
        ("global-batch-size = 8", "max-tokens = 9\nmicro-batches = 0".into(), "run.toml:8:17: `micro-batches` is 0; give at least 1"),
        (
            "global-batch-size = 8",
            format!("{tokens}\nmin-samples = 2\nmax-samples = 1"),
            "run.toml:10:15: `max-samples` 1 is below \
          `min-samples` 2; raise the one or lower the other",
        ),
        (
            "global-batch-size = 8\nreshape = \"p\"",
            tokens.to_owned(),
            "run.toml:6:11: `reshape` beside `[batch.tokens]`: pieces would be more \
          rows than were counted; choose one of them",
        ),
        (
            "global-batch-size = 8",
            format!("{tokens}\npacker = \"first-fit\"\norder = \"given\""),
            "run.toml:10:9: `order` beside `packer`, \
          which puts samples wherever their tokens fit; choose one of them",
        ),
        (
            "global-batch-size = 8",
            format!("{tokens}\nlearning-rate = \"sqrt\""),
            "run.toml:9:17: `learning-rate` needs the batch size that the \
          rate was chosen for; add `base-batch-size`, at least 1",
        ),
        (
            "global-batch-size = 8",
            format!("{tokens}\nbase-batch-size = 4"),
            "run.toml:9:19: `base-batch-size` without `learning-rate`; add \
          `learning-rate = \"linear\"` or \"sqrt\"",
        ),
    ];
    for (batch, tokens, expected) in cases {
        assert_eq!(refused(&corpus, batch, &tokens), expected);
    }
    let rest = format!("[batch]\nglobal-batch-size = 8\noverlong = \"drop\"\n{UNIFORM}");
    assert_eq!(
        corpus.try_run(&rest).unwrap_err().to_string(),
        "run.toml:6:12: `overlong = \"drop\"` without `[batch.tokens]`: every other batch has its number of samples; choose \"error\" or \
         \"cut\", or let a policy with a condition on the length leave them out"
    );
}

#[test]
fn too_few_samples_for_a_step_are_refused_with_the_numbers_and_the_keys() {
    let corpus = Corpus::new(100);
    let text = |tokens: &str, overlong: &str| {
        format!("[batch]\nglobal-batch-size = 16\noverlong = \"{overlong}\"\n[batch.tokens]\nmax-tokens = {tokens}\n{UNIFORM}")
    };
    let error = |text: &str| Sampler::start(&corpus.run(text)).unwrap().next_batch().unwrap_err().to_string();
    assert_eq!(
        error(&text("40\nmicro-batches = 4\nmin-samples = 4", "error")),
        "16 samples in hand make 0 of the 4 micro-batches of a step; raise `global-batch-size` in [batch], or lower `micro-batches` or \
         `min-samples` in [batch.tokens]"
    );
    let dropped = error(&text("2\nmicro-batches = 8", "drop"));
    assert!(
        dropped.contains("of the 8 micro-batches of a step, after ") && dropped.contains("too long ones were left out; raise `max-tokens`"),
        "{dropped}"
    );
}

#[test]
fn a_state_with_samples_in_hand_wants_a_run_that_deals_them() {
    let corpus = Corpus::new(100);
    let budget = format!("[batch]\nglobal-batch-size = 16\n[batch.tokens]\nmax-tokens = 80\nmicro-batches = 2\n{UNIFORM}");
    let plain = format!("[batch]\nglobal-batch-size = 16\n{UNIFORM}");
    let mut sampler = Sampler::start(&corpus.run(&budget)).unwrap();
    sampler.next_batch().unwrap();
    let json = sampler.state().to_json();
    let state = SamplerState::from_json(&json, "state.json").unwrap();
    assert_eq!(state.to_json(), json);
    let held = state.kept_back();
    assert_eq!(state.consumed_samples() + held, 16);
    assert_eq!(
        Sampler::resume(&corpus.run(&plain), &state).unwrap_err().to_string(),
        format!(
            "state `state.json`: {held} samples are in hand, and the run file has no [batch.tokens] to deal them; resume with a budget of \
             tokens, or start from step 0"
        )
    );

    // The other way round there is nothing to lose, and such a state has the form that it had before there were budgets.
    let mut sampler = Sampler::start(&corpus.run(&plain)).unwrap();
    let first: Vec<u64> = sampler.next_batch().unwrap().unwrap().ids().collect();
    let state = sampler.state();
    assert!(!state.to_json().contains("in_hand"));
    let next: Vec<u64> = Sampler::resume(&corpus.run(&budget), &state).unwrap().next_batch().unwrap().unwrap().ids().collect();
    assert!(!next.is_empty() && next.iter().all(|id| !first.contains(id)));
}
