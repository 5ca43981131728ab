use std::{fs, path::Path};

use curricle_tests::curricle_ok;
use serde_json::Value;

/// Imports and analyzes this repository's own text, beside copies of the run files of `examples/`.
fn examples() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = folder.path().join("text");
    for (from, to) in [("host/src", "src"), ("docs", "docs"), ("guest-sdk", "sdk")] {
        copy(&root.join(from), &text.join(to));
    }
    let corpus = folder.path().join("corpus").display().to_string();
    let text = text.display().to_string();
    curricle_ok(&["import", &text, "--out", &corpus, "--include", "rs,md,toml", "--domain", "extension"]);
    curricle_ok(&["analyze", &corpus, "--metric", "seqlen", "--metric", "vocab-rarity"]);
    for (length, stride) in [("2049", "2048"), ("512", "512"), ("257", "256")] {
        let out = format!("{corpus}/columns-{length}");
        let view = ["--sequence-length", length, "--stride", stride];
        curricle_ok(&[&["analyze", &corpus, "--metric", "vocab-rarity", "--out", &out], &view[..]].concat());
    }
    for entry in fs::read_dir(root.join("examples")).unwrap().map(|e| e.unwrap().path()) {
        if entry.extension().is_some_and(|e| e == "toml") {
            fs::copy(&entry, folder.path().join(entry.file_name().unwrap())).unwrap();
        }
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|e| e.unwrap().path()) {
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else if entry.is_file() {
            fs::copy(&entry, target).unwrap();
        }
    }
}

#[test]
fn every_example_run_file_gives_batches_of_this_repositorys_own_text() {
    let folder = examples();
    let mut n = 0;
    for entry in fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()) {
        if entry.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let run = entry.display().to_string();
        let mut text = fs::read_to_string(&entry).unwrap();
        if run.ends_with("/curriculum.toml") {
            // Source files are longer than the demo's shortest texts.
            text = text.replace("min = 128", "min = 4096").replace("max = 1024", "max = 16384").replace("pad-to = 1024", "pad-to = 16384");
            fs::write(&entry, &text).unwrap();
        }
        if run.ends_with("-1.3b-curriculum.toml") {
            // All of this text is less than a step of a recipe that is made for 300 billion tokens.
            text = text.replace("epochs = 1\n", "");
            fs::write(&entry, &text).unwrap();
        }
        let lines = curricle_ok(&["sample", &run, "--steps", "0..3", "--tokens"]);
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3, "{run}");
        curricle_ok(&["simulate", &run, "--steps", "20"]);
        n += 1;
    }
    assert_eq!(n, 9);
}

#[test]
fn the_demo_goes_from_text_to_batches_and_leaves_a_report_and_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().display().to_string();
    let printed = curricle_ok(&["demo", "--dir", &dir]);
    assert!(printed.contains("All three agreed in every id, token and digest"), "{printed}");
    let report = fs::read_to_string(folder.path().join("report.md")).unwrap();
    for name in ["curriculum", "mixture"] {
        assert!(report.contains(&format!("| `{name}` | 400 |")), "{report}");
        assert!(fs::read_to_string(folder.path().join(format!("{name}.svg"))).unwrap().contains("</svg>"));
    }
    // Once more over what it left.
    curricle_ok(&["demo", "--dir", &dir]);
}

#[test]
fn the_run_file_in_the_documentation_has_keys_that_exist() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/run-file.md")).unwrap();
    let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    curricle::RunConfig::parse(block, "docs/run-file.md", "").unwrap();
}
