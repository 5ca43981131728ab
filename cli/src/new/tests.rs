use std::{fs, path::Path};

use super::{names::Names, templates, *};

fn args(name: &str, kind: &str, lang: &str, path: &Path) -> Args {
    Args { name: name.into(), kind: kind.into(), lang: lang.into(), path: Some(path.into()) }
}

/// Whether a text holds `{{word}}`.
fn unfilled(text: &str) -> bool {
    text.split("{{")
        .skip(1)
        .any(|rest| rest.split_once("}}").is_some_and(|(word, _)| !word.is_empty() && word.chars().all(|c| c.is_alphabetic() || c == '-')))
}

#[test]
fn no_placeholder_is_left_in_any_template_and_no_file_is_empty() {
    let names = Names::new("short-first").unwrap();
    let mut n = 0;
    for template in templates::all() {
        for (path, bytes) in template.files(&names).unwrap() {
            if path.starts_with("vendor") {
                continue;
            }
            let text = String::from_utf8_lossy(&bytes);
            assert!(!unfilled(&text) && !unfilled(&path.display().to_string()), "{template:?}: {}", path.display());
            assert!(!bytes.is_empty(), "{template:?}: {} is empty", path.display());
        }
        n += 1;
    }
    assert!(n >= 5, "{n} templates");
}

#[test]
fn every_template_has_a_readme_a_scenario_and_a_run_file() {
    let names = Names::new("short-first").unwrap();
    for template in templates::all() {
        let files = template.files(&names).unwrap();
        let scenarios = files.keys().filter(|path| path.starts_with("scenarios") && path.extension().is_some_and(|e| e == "toml"));
        assert!(scenarios.count() > 0, "{template:?} has no scenario");
        for file in ["README.md", "run.toml", "texts.jsonl", ".gitignore"] {
            assert!(files.contains_key(Path::new(file)), "{template:?} has no {file}");
        }
    }
}

#[test]
fn names_take_the_forms_that_languages_want() {
    let names = Names::new("short-first-2").unwrap();
    assert_eq!((names.kebab.as_str(), names.snake().as_str(), names.camel().as_str()), ("short-first-2", "short_first_2", "ShortFirst2"));
}

#[test]
fn what_is_no_name_is_refused_with_one_that_is() {
    let refused = |name: &str| Names::new(name).unwrap_err().to_string();
    let rule = "names no plugin: 1 to 64 of a-z, 0-9 and hyphen, a letter first";
    assert_eq!(refused("ShortFirst"), format!("`ShortFirst` {rule}; `short-first` would do"));
    assert_eq!(refused("short_first"), format!("`short_first` {rule}; `short-first` would do"));
    assert_eq!(refused("2nd"), format!("`2nd` {rule}; `nd` would do"));
    assert_eq!(refused(""), format!("`` {rule}"));
    assert_eq!(refused("../up"), format!("`../up` {rule}; `up` would do"));
    assert_eq!(refused(&"a".repeat(65)), format!("`{}` {rule}; `{}` would do", "a".repeat(65), "a".repeat(64)));
    assert_eq!(refused("short-"), "`short-` has a hyphen that stands before nothing; `short` would do");
    assert_eq!(refused("match"), "`match` is a word of its own in a language or the name of a library; `match-plugin` would do");
}

#[test]
fn what_there_is_no_template_for_is_refused_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("mine");
    let refused = |kind: &str, lang: &str| run(args("mine", kind, lang, &place)).unwrap_err().to_string();
    let error = refused("policy", "cobol");
    assert!(error.starts_with("there is no template for the language `cobol`; there are ") && error.contains("`rust`"), "{error}");
    let kinds = "`policy`, `stateful-policy`, `metric`, `pacing`, `packer`";
    assert_eq!(refused("plan", "rust"), format!("there is no kind `plan` of plugin; there are {kinds}"));
    assert!(!place.exists());
}

#[test]
fn an_empty_folder_is_filled_and_one_that_holds_something_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("in/mine");
    fs::create_dir_all(&place).unwrap();
    run(args("mine", "policy", "rust", &place)).unwrap();
    assert!(place.join("Cargo.toml").is_file() && place.join("src/lib.rs").is_file() && place.join(".gitignore").is_file());
    let error = run(args("mine", "metric", "rust", &place)).unwrap_err().to_string();
    assert_eq!(error, format!("`{}` is not empty; choose another folder with `--path`", place.display()));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = run(args("mine", "metric", "rust", &file)).unwrap_err().to_string();
    assert_eq!(error, format!("`{}` is there already, and no folder; choose another place with `--path`", file.display()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
}
