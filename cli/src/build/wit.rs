//! The contract, as this release has it.

use std::path::{Path, PathBuf};

use anyhow::Result;

/// The files of `wit/`.
pub(crate) const FILES: [(&str, &str); 7] = [
    ("types.wit", include_str!("../../../wit/types.wit")),
    ("dataset.wit", include_str!("../../../wit/dataset.wit")),
    ("streams.wit", include_str!("../../../wit/streams.wit")),
    ("policy.wit", include_str!("../../../wit/policy.wit")),
    ("metric.wit", include_str!("../../../wit/metric.wit")),
    ("pacing.wit", include_str!("../../../wit/pacing.wit")),
    ("packer.wit", include_str!("../../../wit/packer.wit")),
];

/// Writes the contract into `folder/wit`, for tools that want it as files.
pub(super) fn write(folder: &Path) -> Result<PathBuf> {
    let wit = folder.join("wit");
    std::fs::create_dir_all(&wit)?;
    for (name, text) in FILES {
        curricle::atomic::write(wit.join(name), text.as_bytes())?;
    }
    Ok(wit)
}

#[cfg(test)]
mod tests {
    use curricle::plugin::CONTRACT;

    use super::*;

    #[test]
    fn every_file_of_the_contract_is_there_and_of_this_version() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|f| f.ends_with(".wit"))
            .collect();
        found.sort();
        let mut names = FILES.map(|(name, _)| name.to_owned()).to_vec();
        names.sort();
        assert_eq!(found, names);
        for (name, text) in FILES {
            assert!(text.starts_with(&format!("package curricle:plugin@{CONTRACT};")), "{name}");
        }
    }
}
