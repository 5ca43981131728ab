//! The plugin that is tested.

use std::path::{Path, PathBuf};

use curricle::{
    Result,
    plugin::{Description, Kind, Limits, inspect},
};

/// A component above this size brings an interpreter along.
const INTERPRETED: u64 = 8 << 20;

/// A plugin's file, and what it says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) path: PathBuf,
    /// What messages call it.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) description: Description,
    /// Bytes of the file.
    pub(crate) size: u64,
}

impl Subject {
    /// Looks at a file.
    ///
    /// # Errors
    /// Those of [`inspect`]: the file cannot be read, or is no plugin.
    pub(crate) fn open(path: &Path) -> Result<Subject> {
        let found = inspect(path)?;
        Ok(Subject {
            path: path.to_owned(),
            name: found.description.name.clone(),
            kind: found.kind,
            size: found.size,
            description: found.description,
        })
    }

    /// Limits for a component of its size.
    pub(crate) fn limits(&self) -> Limits {
        if self.size > INTERPRETED { Limits::interpreted() } else { Limits::compiled() }
    }

    /// What it is for, as a noun.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Policy => "policy",
            Kind::StatefulPolicy => "stateful policy",
            Kind::Metric => "metric",
            Kind::Pacing => "pacing function",
            _ => "packer",
        }
    }
}
