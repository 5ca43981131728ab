//! What a run is made of, in a form to compare at a resume.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use super::change::Change;

/// What decides the order of samples. A state resumes where all of it is the same, or the operator lets the difference through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Fingerprint of the dataset in the run's view.
    pub dataset: String,
    /// Name and version of the policy.
    pub plugin: String,
    /// SHA-256 of its file.
    pub plugin_sha256: String,
    /// Hash of the policy's configuration, the pacing functions, what they do to lengths, and of `count-tokens` where it is `false`.
    pub config: String,
    /// Hash of each column, by name. More of them at the resume do no harm.
    pub columns: BTreeMap<String, String>,
    /// Seed of the run.
    pub seed: u64,
}

/// Something in which a saved run and this one differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) change: Change,
    /// In words.
    pub(crate) what: String,
    pub(crate) saved: String,
    pub(crate) here: String,
}

impl Identity {
    /// Hash of a JSON value that does not depend on the order of keys.
    pub(crate) fn hash(value: &Value) -> String {
        let mut canonical = String::new();
        canonicalize(value, &mut canonical);
        format!("{:032x}", xxh3_128(canonical.as_bytes()))
    }

    /// In what this, which was saved, differs from what is here.
    pub(crate) fn differences(&self, here: &Identity) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut compare = |change: Change, what: &str, saved: &str, here: &str| {
            if saved != here {
                found.push(Difference { change, what: what.to_owned(), saved: saved.to_owned(), here: here.to_owned() });
            }
        };
        compare(Change::Dataset, "dataset", &self.dataset, &here.dataset);
        compare(Change::Plugin, "plugin", &self.plugin, &here.plugin);
        if self.plugin == here.plugin {
            compare(Change::Plugin, "plugin file", &self.plugin_sha256, &here.plugin_sha256);
        }
        compare(Change::Config, "configuration of policy, pacing or lengths", &self.config, &here.config);
        // Another dataset has columns of its own.
        let of_column = if self.dataset == here.dataset { Change::Column } else { Change::Dataset };
        for (name, saved) in &self.columns {
            compare(of_column, &format!("column `{name}`"), saved, here.columns.get(name).map_or("missing", String::as_str));
        }
        compare(Change::Seed, "seed", &self.seed.to_string(), &here.seed.to_string());
        found
    }

    /// Name of the policy, without its version.
    pub(crate) fn plugin_name(&self) -> &str {
        self.plugin.split(' ').next().unwrap_or_default()
    }
}

fn canonicalize(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonicalize(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (key, item) in entries {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonicalize(item, out);
                out.push(',');
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_configuration_ignores_the_order_of_keys() {
        let a: Value = serde_json::from_str(r#"{"x":1,"y":{"b":2,"a":"é"}}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"y":{"a":"é","b":2},"x":1}"#).unwrap();
        assert_eq!(Identity::hash(&a), Identity::hash(&b));
    }

    #[test]
    fn columns_of_another_dataset_go_with_it() {
        let columns = |hash: &str| BTreeMap::from([("length".to_owned(), hash.to_owned())]);
        let saved = Identity {
            dataset: "a".into(),
            plugin: "p 1.0.0".into(),
            plugin_sha256: "s".into(),
            config: "c".into(),
            columns: columns("1"),
            seed: 1,
        };
        let changes = |here: Identity| saved.differences(&here).into_iter().map(|d| d.change).collect::<Vec<_>>();
        assert_eq!(changes(Identity { columns: columns("2"), ..saved.clone() }), [Change::Column]);
        assert_eq!(changes(Identity { columns: columns("2"), dataset: "b".into(), ..saved.clone() }), [Change::Dataset, Change::Dataset]);
        assert_eq!(changes(Identity { plugin: "p 1.1.0".into(), plugin_sha256: "t".into(), ..saved.clone() }), [Change::Plugin]);
        assert_eq!(changes(Identity { plugin_sha256: "t".into(), seed: 2, ..saved.clone() }), [Change::Plugin, Change::Seed]);
    }
}
