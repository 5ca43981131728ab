//! What an analysis has to know of a dataset besides its samples.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::mark::Mark;
use crate::{
    Error, Result,
    dataset::{Dataset, Fingerprint, TokenType},
};

/// Version of the JSON; others are refused.
const VERSION: u32 = 1;

/// A dataset without its tokens: how many samples it has and of what, so that samples which come from elsewhere can be analyzed for it, on
/// machines that do not have its files. As JSON a few kilobytes.
///
/// It also has hashes of a few blocks of samples, by which other data and another order are noticed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Outline {
    version: u32,
    /// What messages call it: the path that it was opened with.
    name: String,
    samples: u64,
    n_tokens: u64,
    #[serde(serialize_with = "token_type_name")]
    token_type: TokenType,
    fixed_len: Option<u32>,
    vocab_size: Option<u64>,
    fingerprint: Fingerprint,
    probes: Vec<Probe>,
}

/// A block that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    pub(super) block: u64,
    pub(super) mark: Mark,
}

impl Outline {
    /// The same, for who has the dataset at hand: nothing is read.
    pub(super) fn without_probes(dataset: &Dataset) -> Outline {
        Outline {
            version: VERSION,
            name: dataset.path().display().to_string(),
            samples: dataset.len(),
            n_tokens: dataset.n_tokens(),
            token_type: dataset.token_type(),
            fixed_len: dataset.fixed_len(),
            vocab_size: dataset.vocab_size(),
            fingerprint: dataset.fingerprint(),
            probes: Vec::new(),
        }
    }

    /// Reads what [`to_json`](Outline::to_json) wrote.
    ///
    /// # Errors
    /// [`Error::Data`] for anything else, and for an outline of another version or of no samples.
    pub fn from_json(json: &str) -> Result<Outline> {
        let refuse = |problem: String| Error::data(problem, "write the outline again, with this version of curricle");
        let outline: Outline = serde_json::from_str(json).map_err(|e| refuse(format!("this is no outline of a dataset: {e}")))?;
        if outline.version != VERSION {
            return Err(refuse(format!("the outline is of version {}, this program reads {VERSION}", outline.version)));
        }
        if outline.samples == 0 {
            return Err(refuse("the outline is of a dataset without samples".to_owned()));
        }
        Ok(outline)
    }

    /// The outline as JSON, to be kept or sent.
    pub fn to_json(&self) -> String {
        // Numbers, strings and lists of them: there is nothing that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Number of samples; at least 1.
    pub fn len(&self) -> u64 {
        self.samples
    }

    /// Never true: a dataset has samples.
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Number of tokens in the dataset's files, whatever the view makes of them.
    pub fn n_tokens(&self) -> u64 {
        self.n_tokens
    }

    /// What tokens are made of in the dataset's files.
    pub fn token_type(&self) -> TokenType {
        self.token_type
    }

    /// Tokens that every sample has, in a view of sequences.
    pub fn fixed_len(&self) -> Option<u32> {
        self.fixed_len
    }

    /// Number of tokens in the vocabulary, if somebody said it.
    pub fn vocab_size(&self) -> Option<u64> {
        self.vocab_size
    }

    /// Identity of the content and the view.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Path that the dataset was opened with, on the machine that made the outline; for messages alone.
    pub fn name(&self) -> &Path {
        Path::new(&self.name)
    }

    pub(super) fn probes(&self) -> &[Probe] {
        &self.probes
    }

    pub(super) fn with_probes(self, probes: Vec<Probe>) -> Outline {
        Outline { probes, ..self }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn token_type_name<S: serde::Serializer>(token_type: &TokenType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token_type.name())
}
