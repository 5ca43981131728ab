//! `docs/deepspeed.md` has a row for every feature and every fault, and names tests that exist.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What is the model's: a reason stands in for a test.
const NOT_HERE: [&str; 7] = ["F61", "F64", "F65", "F67", "F68", "B15", "B34"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every source file: the folders and the name of its path, and the test functions in it.
fn tests() -> Vec<(Vec<String>, Vec<String>)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["host/src", "cli/src", "guest-sdk/src", "plugins", "tests/it"].iter().map(|f| root().join(f)).collect();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let rest = text.split("#[test]").skip(1);
                let functions = rest.filter_map(|rest| Some(rest.split_once("fn ")?.1.split_once('(')?.0.to_owned())).collect();
                found.push((path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect(), functions));
            }
        }
    }
    found
}

#[test]
fn the_guide_has_a_row_for_every_feature_and_fault_and_its_tests_exist() {
    let page = fs::read_to_string(root().join("docs/deepspeed.md")).unwrap();
    let rows: BTreeMap<&str, Vec<&str>> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .map(|line| line.trim_end_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>())
        .map(|cells| (cells[0], cells))
        .collect();
    let tests = tests();
    for id in (1..=69).map(|n| format!("F{n}")).chain((1..=35).map(|n| format!("B{n}"))) {
        let Some(cells) = rows.get(id.as_str()) else { panic!("docs/deepspeed.md has no row for {id}") };
        assert_eq!(cells.len(), 4, "{id}: {cells:?}");
        assert!(cells[1..3].iter().all(|cell| !cell.is_empty()), "{id} has empty cells");
        let named: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty() || NOT_HERE.contains(&id.as_str()), "{id} names no test");
        for path in named {
            let (modules, function) = path.rsplit_once("::").unwrap_or_else(|| panic!("{id}: `{path}` is no path of a test"));
            let is_it = |(place, functions): &(Vec<String>, Vec<String>)| {
                modules.split("::").all(|module| place.iter().any(|part| part == module)) && functions.iter().any(|name| name == function)
            };
            assert!(tests.iter().any(is_it), "{id}: there is no test `{path}`");
        }
    }
}
