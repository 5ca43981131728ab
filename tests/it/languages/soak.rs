use std::path::Path;

use curricle_tests::{Corpus, soak};

/// Calls that each allocate 100 KB or more: 20 000 make some hundred times what the plugin may hold.
fn outlives(language: &str, memory: &str) {
    let folder = std::env::var_os("CURRICLE_HOSTILE").expect("CURRICLE_HOSTILE; run the tests with `cargo xtask test`");
    let path = Path::new(&folder).join(format!("soak-{language}.wasm"));
    let corpus = Corpus::new(5_000);
    let run = corpus.run(&format!(
        "[batch]\nglobal-batch-size = 64\n[policy]\nplugin = {:?}\nlimits = {{ memory = \"{memory}\", compile-time = \"600s\" }}\n",
        path.to_string_lossy()
    ));
    let mut planner = run.planner().unwrap();
    for step in 0..if soak() { 200_000 } else { 20_000 } {
        let planned = planner.plan().unwrap_or_else(|error| panic!("step {step}: {error}")).unwrap();
        assert_eq!(planned.plan.ids().len(), 64);
    }
}

#[test]
fn a_plugin_in_go_outlives_its_collector_and_keeps_nothing() {
    outlives("go", "24MiB");
}

#[test]
fn a_plugin_in_c_keeps_nothing_of_what_it_was_given() {
    outlives("c", "2MiB");
}
