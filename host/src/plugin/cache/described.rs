//! What a plugin's file says, so that a plugin need not be read and run to be known.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Cache, entry};
use crate::{
    hex,
    plugin::{bindings::types, label::Label, limits::Limits, outline::Outline},
};

/// Counts the forms that these files have had, so that one of another form is not taken for this.
const FORM: u32 = 3;

/// The words of a component and of its `describe`, which the contract has the same for every configuration and dataset. They are judged anew
/// each time, by the rules of this release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) label: Option<Label>,
    name: String,
    version: String,
    summary: String,
    config_schema: String,
}

impl Known {
    pub(crate) fn new(outline: &Outline, said: &types::Description) -> Known {
        Known {
            imports: outline.imports.clone(),
            exports: outline.exports.clone(),
            label: outline.label.clone(),
            name: said.name.clone(),
            version: said.version.clone(),
            summary: said.summary.clone(),
            config_schema: said.config_schema.clone(),
        }
    }

    /// What `describe` answered.
    pub(crate) fn description(self) -> types::Description {
        let Known { name, version, summary, config_schema, .. } = self;
        types::Description { name, version, summary, config_schema }
    }
}

impl Cache {
    /// What is known of the component with this digest: that it was described under just these limits.
    pub(crate) fn known(&self, sha256: &[u8; 32], limits: &Limits, now: SystemTime) -> Option<Known> {
        entry::read(&self.place(&file_name(sha256, limits))?, now)
    }

    /// Keeps what a component said that was found fit.
    pub(crate) fn keep_known(&self, sha256: &[u8; 32], limits: &Limits, known: &Known) {
        let written = self.place_to_write(&file_name(sha256, limits)).and_then(|path| entry::write(&path, known));
        if let Err(error) = written {
            tracing::debug!("what a plugin says of itself is not kept, it is asked again next time: {error}");
        }
    }
}

/// Named by the limits too, so that a plugin which cannot be described within them fails each time alike.
fn file_name(sha256: &[u8; 32], limits: &Limits) -> String {
    let circumstances = format!("{} {FORM} {limits:?}", env!("CARGO_PKG_VERSION"));
    format!("{}-{:016x}.described", hex(sha256), xxh3_64(circumstances.as_bytes()))
}
