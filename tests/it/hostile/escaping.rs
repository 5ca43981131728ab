//! Names that others chose reach no terminal as they are.

use std::fs;

use curricle::{
    Run,
    plugin::{Limits, PacingPlugin, inspect},
};
use curricle_tests::{Corpus, curricle};
use serde_json::Value;

use super::guest::evil;

const NAME: &str = "evil\x1b[2J\u{202e}\n.wasm";
const SHOWN: &str = "evil\\u{1b}[2J\\u{202e}\\n.wasm";

fn assert_safe(text: &str) {
    assert!(text.contains(SHOWN), "{text}");
    assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
}

#[test]
fn a_plugins_path_is_escaped_in_every_error() {
    let corpus = Corpus::new(20);
    let path = corpus.path(NAME);
    let load = || PacingPlugin::load(&path.display().to_string(), &path, &Value::Null, &Limits::default()).unwrap_err().to_string();
    assert_safe(&load());
    fs::write(&path, b"junk").unwrap();
    assert_safe(&load());
    assert_safe(&inspect(&path).unwrap_err().to_string());
    fs::copy(curricle_tests::plugin("uniform"), &path).unwrap();
    assert_safe(&load());
    fs::write(&path, vec![0; 17 << 20]).unwrap();
    assert_safe(&load());
}

#[test]
fn a_run_file_and_a_dataset_are_escaped_too() {
    let corpus = Corpus::new(20);
    assert_safe(&Run::load(corpus.path(NAME)).unwrap_err().to_string());
    let rest = format!("[batch]\nglobal-batch-size = 4\n[policy]\nplugin = {}\n", toml_string(&format!("./{NAME}")));
    assert_safe(&corpus.try_run(&rest).unwrap_err().to_string());
    let columns = format!("[batch]\nglobal-batch-size = 4\nvalues = [{}]\n[policy]\nplugin = \"uniform\"\n", toml_string("evil\x1b[2J"));
    let text = corpus.try_run(&columns).unwrap_err().to_string();
    assert!(text.contains("evil\\u{1b}[2J") && !text.contains('\x1b'), "{text:?}");
}

fn toml_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\x1b', "\\u001b").replace('\n', "\\n"))
}

#[test]
fn a_flood_of_logs_ends_in_how_many_lines_were_left_out() {
    let corpus = Corpus::new(20);
    let rest = format!(
        "[batch]\nglobal-batch-size = 4\n[policy]\nplugin = {:?}\nconfig = {{ wrong = \"log-flood\", at = 1 }}\nlimits = {{ log-lines = 10 }}\n",
        evil("evil-policy").display().to_string()
    );
    let run = corpus.run_file(&rest).display().to_string();
    let output = curricle(&["sample", &run, "--steps", "0..3", "--log", "info"]);
    assert_eq!(output.status.code(), Some(4));
    let errors = String::from_utf8_lossy(&output.stderr);
    // In the log as it goes on, and in the fault.
    assert_eq!(errors.matches(": line ").count(), 10 + 8, "{errors}");
    assert!(errors.contains(" lines suppressed, `limits.log-lines` is 10"), "{errors}");
    assert!(errors.contains(" more lines suppressed)"), "{errors}");
}
