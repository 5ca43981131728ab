//! What made a column, recorded in its file.

use serde::{Deserialize, Serialize};

/// Stands for who wrote a file where that must not matter. States hold hashes that it is part of.
const ANYBODY: &str = "curricle 0.1.0";

/// What made a column: enough to tell whether it still belongs to a dataset, and to make it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Fingerprint of the dataset, 32 hexadecimal digits.
    pub dataset: String,
    /// Number of samples, and so of values; at least 1.
    pub samples: u64,
    /// The plugin that computed the values; none if the host or a user did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginRef>,
    /// Configuration of the plugin, or whatever else decided the values.
    #[serde(default)]
    pub config: serde_json::Value,
    /// Program and version that wrote the file: "curricle 0.1.0".
    pub made_by: String,
    /// Anything that a reader should know; nothing depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Provenance {
    /// The provenance of a column that this version of this crate writes.
    pub fn of(dataset: impl Into<String>, samples: u64) -> Provenance {
        Provenance {
            dataset: dataset.into(),
            samples,
            plugin: None,
            config: serde_json::Value::Null,
            made_by: concat!("curricle ", env!("CARGO_PKG_VERSION")).to_owned(),
            note: None,
        }
    }

    /// What of it decides the values: the same whoever wrote the file and whatever is noted.
    pub(super) fn deciding(&self) -> Provenance {
        Provenance { made_by: ANYBODY.to_owned(), note: None, ..self.clone() }
    }
}

/// Which plugin, to the byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRef {
    /// Its name, as it describes itself.
    pub name: String,
    /// Its version, as it describes itself.
    pub version: String,
    /// SHA-256 of the component, 64 hexadecimal digits.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{ColumnWriter, ValueType, Values};

    #[test]
    fn a_columns_identity_depends_neither_on_who_wrote_it_nor_on_its_note() {
        let folder = tempfile::tempdir().unwrap();
        let identity = |change: fn(&mut Provenance)| {
            let mut provenance = Provenance::of("9f3a", 2);
            change(&mut provenance);
            let mut writer = ColumnWriter::create(folder.path().join("loss.arrow"), ValueType::U32, provenance).unwrap();
            writer.push(&Values::U32(vec![3, 1])).unwrap();
            writer.finish().unwrap().identity()
        };
        let first = identity(|_| {});
        assert_eq!(identity(|provenance| provenance.made_by = "curricle 9.0.0".to_owned()), first);
        assert_eq!(identity(|provenance| provenance.note = Some("imported from /scratch".to_owned())), first);
        assert_ne!(identity(|provenance| provenance.config = serde_json::json!({ "power": 2 })), first);
        assert_ne!(identity(|provenance| provenance.dataset = "77c1".to_owned()), first);
    }
}
