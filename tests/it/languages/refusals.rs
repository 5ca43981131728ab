use curricle_tests::Corpus;

use super::examples::{languages, run};

/// What is said of this configuration, at once or at the first step, without the name of the plugin.
fn refusal(corpus: &Corpus, language: &str, config: &str) -> (&'static str, String) {
    let error = match run(corpus, language, config).and_then(|run| run.planner()) {
        Err(error) => error,
        Ok(mut planner) => planner.plan().unwrap_err(),
    };
    let name = format!("warm-up-{language}");
    let path = curricle_tests::plugin(&name);
    (error.code(), error.to_string().replace(&*path.to_string_lossy(), "PLUGIN").replace(&name, "warm-up"))
}

fn same_in_all(config: &str, code: &str, words: &str) {
    let corpus = Corpus::new(50);
    for language in languages() {
        let (found, text) = refusal(&corpus, &language, config);
        assert_eq!(found, code, "{language}: {text}");
        assert!(text.contains(words), "{language}: {text}");
    }
}

#[test]
fn a_configuration_that_the_schema_refuses_is_refused_alike_in_every_language() {
    same_in_all("{ column = \"hardness\", from = 2.0, steps = 10 }", "config", "`from`");
    same_in_all("{ column = \"hardness\", from = 0.5 }", "config", "steps");
    same_in_all("{ column = \"hardness\", from = 0.5, steps = 10, more = 1 }", "config", "more");
}

#[test]
fn a_column_that_is_not_there_is_refused_in_the_hosts_words_in_every_language() {
    same_in_all("{ column = \"hradness\", from = 0.5, steps = 10 }", "plugin-refused", "`hradness`");
}
