//! Difficulties by step.

use curricle_tests::Corpus;

/// Pacing functions that are wrong say where.
#[test]
fn a_wrong_pacing_function_is_refused_with_line_and_column() {
    let corpus = Corpus::new(20);
    let refused = |pacing: &str| {
        let rest = format!("[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"uniform\"\n[pacing.p]\n{pacing}");
        corpus.try_run(&rest).unwrap_err().to_string()
    };
    assert_eq!(
        refused("kind = \"linear\"\nmin = 9\nmax = 8\nsteps = 4\n"),
        "run.toml:11:7: min is 9 and max 8; give finite numbers with min ≤ max; `falling = true` goes from max to min"
    );
    assert_eq!(
        refused("kind = \"discrete\"\ndifficulty = [1.0, 2.0]\nuntil = []\n"),
        "run.toml:11:9: 2 difficulties and 0 bounds; give one difficulty more than bounds"
    );
}
