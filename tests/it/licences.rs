use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;

/// The licences that `deny.toml` allows.
fn allowed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deny.toml")).unwrap();
    let table: toml::Table = toml::from_str(&text).unwrap();
    table["licenses"]["allow"].as_array().unwrap().iter().map(|licence| licence.as_str().unwrap().to_owned()).collect()
}

/// Whether an SPDX expression can be met by `allowed` alone; none if it is no expression. `AND` binds stronger than `OR`; a slash is an old `OR`.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> Option<bool> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "_WITH_");
    let words: Vec<String> = spaced.split_whitespace().map(|word| word.replace("_WITH_", " WITH ")).collect();
    let mut rest = words.as_slice();
    let met = any(&mut rest, allowed)?;
    rest.is_empty().then_some(met)
}

fn any(rest: &mut &[String], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut met = all(rest, allowed)?;
    while rest.first().is_some_and(|word| word == "OR") {
        *rest = &rest[1..];
        met |= all(rest, allowed)?;
    }
    Some(met)
}

fn all(rest: &mut &[String], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut met = one(rest, allowed)?;
    while rest.first().is_some_and(|word| word == "AND") {
        *rest = &rest[1..];
        met &= one(rest, allowed)?;
    }
    Some(met)
}

fn one(rest: &mut &[String], allowed: &BTreeSet<String>) -> Option<bool> {
    let (word, after) = rest.split_first()?;
    *rest = after;
    if word != "(" {
        return Some(allowed.contains(word));
    }
    let met = any(rest, allowed)?;
    let (word, after) = rest.split_first()?;
    *rest = after;
    (word == ")").then_some(met)
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for met in ["MIT", "MIT/GPL-2.0", "GPL-2.0 OR MIT", "(MIT OR GPL-2.0) AND Apache-2.0", "Apache-2.0 WITH LLVM-exception OR GPL-2.0"] {
        assert_eq!(is_met(met, &allowed), Some(true), "{met}");
    }
    for unmet in ["GPL-2.0", "MIT AND GPL-2.0", "GPL-2.0 OR ISC AND MIT", "Apache-2.0 WITH other-exception"] {
        assert_eq!(is_met(unmet, &allowed), Some(false), "{unmet}");
    }
    for broken in ["", "MIT OR", "(MIT", "MIT GPL-2.0", "MIT)"] {
        assert_eq!(is_met(broken, &allowed), None, "{broken}");
    }
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed_and_comes_from_the_registry() {
    let allowed = allowed();
    for (workspace, platform) in [("", "x86_64-unknown-linux-gnu"), ("plugins", "wasm32-unknown-unknown")] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(workspace);
        let arguments = ["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", platform];
        let output = Command::new(env!("CARGO")).args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let packages = metadata["packages"].as_array().unwrap();
        assert!(packages.len() > 5);
        for package in packages {
            let (name, licence) = (package["name"].as_str().unwrap(), package["license"].as_str().unwrap_or_default());
            assert_eq!(is_met(licence, &allowed), Some(true), "{name} has licence `{licence}`, which deny.toml does not allow");
            let source = package["source"].as_str().unwrap_or("registry+ of paths");
            assert!(source.starts_with("registry+"), "{name} comes from {source}");
        }
    }
}
