use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below a folder, with its text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() && entry.file_name().is_some_and(|n| n != "target") {
                folders.push(entry);
            } else if entry.extension().is_some_and(|e| e == "rs") {
                found.push((entry.clone(), fs::read_to_string(&entry).unwrap()));
            }
        }
    }
    found
}

/// Names of crate modules that a file uses as `crate::NAME` or inside `crate::{…}`.
fn uses(text: &str, module: &str) -> bool {
    text.contains(&format!("crate::{module}"))
        || text.split("crate::{").skip(1).any(|rest| {
            let group = rest.split(';').next().unwrap_or_default();
            group.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == module)
        })
}

#[test]
fn arrows_between_the_hosts_folders_point_one_way() {
    let forbidden = [
        ("dataset", &["columns", "streams", "analysis", "plugin", "batch", "sampler", "deepspeed"][..]),
        ("columns", &["streams", "analysis", "plugin", "batch", "sampler", "deepspeed"]),
        ("streams", &["analysis", "plugin", "batch", "sampler", "deepspeed"]),
        ("packing", &["dataset", "columns", "streams", "analysis", "plugin", "batch", "sampler", "deepspeed"]),
        ("plugin", &["dataset", "analysis", "sampler", "deepspeed"]),
        ("batch", &["analysis", "plugin", "sampler", "deepspeed"]),
        ("analysis", &["batch", "sampler", "streams", "deepspeed"]),
        ("sampler", &["analysis", "deepspeed"]),
        ("deepspeed", &["streams", "analysis", "plugin", "batch", "sampler"]),
    ];
    for (folder, modules) in forbidden {
        for (path, text) in sources(&root().join("host/src").join(folder)) {
            for module in modules {
                assert!(!uses(&text, module), "{} uses {module}", path.display());
            }
        }
    }
}

#[test]
fn only_the_plugin_folder_names_wasmtime() {
    let found = sources(&root().join("host/src"));
    assert!(found.len() > 20);
    for (path, text) in found {
        let inside = path.components().any(|c| c.as_os_str() == "plugin");
        assert!(inside || !text.contains("wasmtime::"), "{}", path.display());
    }
}

#[test]
fn no_file_is_longer_than_a_sitting() {
    for folder in ["host/src", "guest-sdk/src", "harness/src", "cli/src", "xtask/src", "tests", "plugins", "examples"] {
        for (path, text) in sources(&root().join(folder)) {
            let n = text.lines().count();
            assert!(n <= 500, "{} has {n} lines: split it by idea", path.display());
        }
    }
}

#[test]
fn no_compiled_plugin_is_committed() {
    let listed =
        std::process::Command::new("git").args(["ls-files", "*.wasm", "*.cwasm", ":!tests/golden/contract"]).current_dir(root()).output();
    if let Ok(output) = listed {
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    }
}

#[test]
fn every_plugin_has_a_readme_and_the_changelog_waits_for_entries() {
    for entry in fs::read_dir(root().join("plugins")).unwrap().map(|e| e.unwrap().path()) {
        if entry.join("Cargo.toml").exists() {
            assert!(entry.join("README.md").exists(), "{} has no README", entry.display());
        }
    }
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    for heading in ["## Unreleased", "### Added", "### Changed"] {
        assert!(changelog.contains(heading), "CHANGELOG.md lacks `{heading}`");
    }
}

#[test]
fn the_contract_and_the_crates_have_one_version() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|l| l.strip_prefix("version = \"")).unwrap().trim_end_matches('"');
    let minor = version.rsplit_once('.').unwrap().0;
    for entry in fs::read_dir(root().join("wit")).unwrap().map(|e| e.unwrap().path()) {
        if entry.extension().is_some_and(|e| e == "wit") {
            let text = fs::read_to_string(&entry).unwrap();
            assert!(text.starts_with(&format!("package curricle:plugin@{minor}.")), "{}", entry.display());
        }
    }
}

/// What could bring a clock, an address, a thread or the order of a hash map into a result, where it may stand, and why it brings none.
#[test]
fn nothing_that_differs_from_process_to_process_is_at_hand() {
    let words = ["HashMap", "HashSet", "RandomState", "SystemTime", "Instant", "thread::current", "available_parallelism"];
    let allowed = [
        ("HashMap", "plugin/schema.rs", "memory of what was weighed already; asked by key, never walked"),
        ("HashSet", "columns/writer.rs", "finds names that come twice; never walked"),
        ("SystemTime", "plugin/cache/", "age of what is kept; older or younger, it is what would be made again"),
        ("SystemTime", "plugin/world.rs", "handed to the cache"),
        ("SystemTime", "plugin/source.rs", "handed to the cache"),
        ("Instant", "plugin/call.rs", "time of a call, told in messages; the verdict is that of the fuel"),
        ("Instant", "analysis/rounds.rs", "when a journal is due; what it holds does not depend on it"),
        ("Instant", "analysis/analyze.rs", "time taken, for the summary"),
        ("Instant", "analysis/merge.rs", "time taken, for the summary"),
        ("available_parallelism", "threads.rs", "number of threads that share a work; what they make is taken in the order of the data"),
        ("available_parallelism", "analysis/rounds.rs", "number of workers; results are taken in the order of the data"),
    ];
    let sources_root = root().join("host/src");
    for (path, text) in sources(&sources_root) {
        let file = path.strip_prefix(&sources_root).unwrap().display().to_string();
        // Tests stand at the end of a file, or in one of their own.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
        for line in lines.filter(|_| !file.contains("tests")) {
            for word in words {
                let named = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).any(|part| part.contains(word));
                let excused = allowed.iter().any(|(allowed, place, _)| *allowed == word && file.starts_with(place));
                assert!(!named || excused, "{file} names `{word}`: keep it from results, and say here why it reaches none\n{line}");
            }
        }
    }
}
