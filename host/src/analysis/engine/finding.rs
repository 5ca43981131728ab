//! What a worker found in a span of blocks, as bytes that cross a network.
//!
//! | bytes | what |
//! | --- | --- |
//! | content | the results of nodes of a tree, end to end; or values, little-endian |
//! | head | JSON of [`Head`] |
//! | 8 | size of the head, u64 little-endian |
//! | 16 | xxh3 of all before, 128 bits little-endian |
//! | `CURRSPAN` | magic |

use std::ops::Range;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::super::{mark::Mark, place::Place};
use crate::{Error, Result, columns::Provenance};

const MAGIC: [u8; 8] = *b"CURRSPAN";
/// Version of the head; others are refused.
const VERSION: u32 = 1;

/// What a finding is, and what it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) version: u32,
    /// What the column will say of itself.
    pub(super) provenance: Provenance,
    /// Round over the dataset, from 0.
    pub(super) round: u32,
    /// Hash of the results of the passes before it.
    pub(super) before: String,
    /// First block, and the one behind the last.
    pub(super) blocks: (u64, u64),
    pub(super) content: Content,
    /// Of each block.
    pub(super) marks: Vec<Mark>,
}

/// What the content is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum Content {
    /// Nodes of the tree of a pass.
    Nodes {
        /// Place and size of each, from left to right.
        nodes: Vec<(Place, u64)>,
    },
    /// Values of the samples.
    Values {
        /// Type of them.
        value_type: Option<String>,
    },
}

impl Head {
    /// The head of what is found in no block.
    pub(super) fn new(provenance: Provenance, round: u32, before: String) -> Head {
        Head {
            version: VERSION,
            provenance,
            round,
            before,
            blocks: (0, 0),
            content: Content::Nodes { nodes: Vec::new() },
            marks: Vec::new(),
        }
    }
}

/// What a [`Worker`](super::Worker) found in a span of blocks, for the [`Collector`](super::Collector).
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub(super) head: Head,
    pub(super) content: Vec<u8>,
}

impl Finding {
    /// The blocks that were gone over.
    pub fn blocks(&self) -> Range<u64> {
        self.head.blocks.0..self.head.blocks.1
    }

    /// The finding as bytes, to be sent; a hash over them is at their end.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Numbers, strings and lists of them: there is nothing that could not be written.
        let head = serde_json::to_vec(&self.head).unwrap_or_default();
        let mut bytes = Vec::with_capacity(self.content.len() + head.len() + 32);
        bytes.extend_from_slice(&self.content);
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&(head.len() as u64).to_le_bytes());
        let mut hash = Xxh3::new();
        hash.update(&bytes);
        bytes.extend_from_slice(&hash.digest128().to_le_bytes());
        bytes.extend_from_slice(&MAGIC);
        bytes
    }

    /// Reads what [`to_bytes`](Finding::to_bytes) wrote.
    ///
    /// # Errors
    /// [`Error::Data`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Finding> {
        Finding::read(bytes).map_err(|problem| {
            Error::data(
                format!("what a worker sent is no finding: {problem}"),
                "use one version of curricle on all machines, and try again",
            )
        })
    }

    fn read(bytes: &[u8]) -> Result<Finding, String> {
        let cut = "it was cut short";
        let hashed = bytes.strip_suffix(&MAGIC).ok_or("it does not end as one does")?;
        let (hashed, hash) = hashed.split_last_chunk::<16>().ok_or(cut)?;
        // A fuzzer cannot make hashes, and shall see what lies behind them.
        if xxh3_128(hashed) != u128::from_le_bytes(*hash) && !cfg!(fuzzing) {
            return Err("its bytes are not those that were sent".to_owned());
        }
        let (rest, size) = hashed.split_last_chunk::<8>().ok_or(cut)?;
        let at = usize::try_from(u64::from_le_bytes(*size)).ok().and_then(|size| rest.len().checked_sub(size)).ok_or(cut)?;
        let (content, head) = rest.split_at_checked(at).ok_or(cut)?;
        let head: Head = serde_json::from_slice(head).map_err(|e| format!("its head cannot be read: {e}"))?;
        match head.version {
            VERSION => Ok(Finding { head, content: content.to_vec() }),
            other => Err(format!("its version is {other}, this program reads {VERSION}")),
        }
    }
}
