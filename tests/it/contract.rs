use std::{fs, path::PathBuf};

use curricle::plugin::{self, CONTRACT, Kind};
use curricle_tests::Corpus;

/// The plugins that were built for each version of the contract, oldest first.
fn versions() -> Vec<(String, PathBuf)> {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/contract");
    let mut versions: Vec<_> = fs::read_dir(golden)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::canonicalize(entry.path()).unwrap()))
        .collect();
    versions.sort();
    versions
}

#[test]
fn there_are_plugins_of_every_kind_for_the_version_that_this_release_offers() {
    let versions = versions();
    assert!(versions.iter().any(|(version, _)| version == CONTRACT));
    for (version, folder) in versions {
        let mut kinds: Vec<String> = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let seen = plugin::inspect(&entry.unwrap().path()).unwrap();
            assert_eq!((seen.contract.as_str(), seen.label.unwrap().contract.as_str()), (version.as_str(), version.as_str()));
            kinds.push(format!("{:?}", seen.kind));
        }
        kinds.sort();
        assert_eq!(kinds, [Kind::Metric, Kind::Pacing, Kind::Packer, Kind::StatefulPolicy].map(|kind| format!("{kind:?}")), "{version}");
    }
}

/// A run of a curriculum with a pacing function and a packer, from the folder of plugins or as built in.
fn run(plugins: Option<&PathBuf>) -> String {
    let plugin = |name: &str| match plugins {
        Some(folder) => folder.join(format!("{name}.wasm")).display().to_string(),
        None => name.to_owned(),
    };
    format!(
        "[batch]\nglobal-batch-size = 12\nlayout = \"rows\"\nrow-length = 64\npacker = {{ plugin = {:?} }}\n\
         [policy]\nplugin = {:?}\nconfig = {{ metrics = [{{ column = \"length\", by = \"value\", pacing = \"pace\" }}] }}\n\
         [pacing.pace]\nkind = \"plugin\"\nplugin = {:?}\nconfig = {{ min = 8.0, max = 40.0, steps = 20 }}\n",
        plugin("first-fit"),
        plugin("curriculum"),
        plugin("cosine"),
    )
}

#[test]
fn plugins_of_every_version_decide_as_those_of_today() {
    let corpus = Corpus::new(300);
    let digests = |plugins: Option<&PathBuf>| {
        let run = corpus.run(&run(plugins));
        let mut planner = run.planner().unwrap();
        (0..40).map(|_| planner.plan().unwrap().unwrap().digest.to_string()).collect::<Vec<_>>()
    };
    let today = digests(None);
    for (version, folder) in versions() {
        assert_eq!(digests(Some(&folder)), today, "{version}");
    }
}
