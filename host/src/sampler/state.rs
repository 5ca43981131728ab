//! Where a run stands, as a value: small, versioned JSON that resumes anywhere with any number of ranks.

use std::{collections::BTreeMap, io::Read, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{change::Changed, identity::Identity};
use crate::{Error, Result, atomic, regular::open_regular, streams::StreamState};

/// Version of the format that this release writes; it reads every version from 1. Version 2 knows restarts, fall-backs and changes.
pub const STATE_VERSION: u32 = 2;
/// Bytes of a file that may be a state: samples in hand take less than 200 MB, streams and policy a few.
const MAX_BYTES: u64 = 1 << 30;

/// What is in hand, as a value: part of the state of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InHand {
    /// Samples in the order in which they were drawn.
    pub(crate) ids: Vec<u64>,
    /// Samples left out so far because they were too long.
    pub(crate) left_out: u64,
    /// To which length the policy cut samples the last time that it was asked: what holds for those left in the end.
    pub(crate) truncation: Option<u32>,
}

/// How far a run has come, shared by the batches in flight.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Global batches so far: the number of the next step.
    pub(crate) step: u64,
    pub(crate) consumed_samples: u64,
    pub(crate) consumed_tokens: Option<u64>,
    /// Tokens that the layers of the model processed, if the run file has `[random-ltd]`.
    pub(crate) layer_tokens: Option<u64>,
    pub(crate) streams: Vec<StreamState>,
    pub(crate) policy: Option<Vec<u8>>,
    /// Samples drawn and not given out, if the run has a budget of tokens.
    pub(crate) in_hand: Option<InHand>,
    /// Restarts of plugins so far, by their place in the run file.
    pub(crate) restarts: BTreeMap<String, u32>,
    /// Why `uniform` decides; `policy` is then what the other policy remembered before.
    pub(crate) fell_back: Option<Arc<FellBack>>,
}

/// A policy failed, and another decides for the rest of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FellBack {
    /// First step of the other policy: the one at which the fault came.
    pub step: u64,
    /// Name and version of the policy that failed.
    pub plugin: String,
    /// What happened, and the code of the fault.
    pub fault: String,
    /// Name and version of the policy that decides since.
    pub by: String,
    /// SHA-256 of its file.
    pub by_sha256: String,
}

impl FellBack {
    /// What a person should know.
    pub fn in_words(&self) -> String {
        let FellBack { step, plugin, fault, by, .. } = self;
        format!("policy `{plugin}` failed at step {step} ({fault}), and `{by}` decides from there on")
    }
}

/// The state of a run as of the last batch that the trainer received, whatever was prefetched.
///
/// It holds numbers and digests: a few hundred bytes, and 40 to 100 more for each open stream. Only under a budget of tokens it holds sample
/// ids, 11 bytes for each in hand. World size, micro-batch,
/// layout and prefetch are not part of it: all of them may differ at the resume.
#[derive(Clone, Debug)]
pub struct SamplerState {
    pub(crate) progress: Arc<Progress>,
    pub(crate) identity: Arc<Identity>,
    /// What was let through at resumes, oldest first.
    pub(crate) changes: Arc<[Changed]>,
    /// The file that it was read from, or what stands for it.
    pub(crate) origin: Option<Arc<str>>,
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u32,
    step: u64,
    consumed_samples: u64,
    consumed_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layer_tokens: Option<u64>,
    streams: Vec<(String, u64, String)>,
    policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_hand: Option<InHandDocument>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    restarts: BTreeMap<String, u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fell_back: Option<FellBack>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Changed>,
    identity: Identity,
    /// XXH3-128 of the document with this field empty: finds damage, not malice.
    check: String,
}

/// Samples in hand: 11 bytes each.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InHandDocument {
    /// 8 bytes each, little-endian, in base64.
    ids: String,
    left_out: u64,
    truncation: Option<u32>,
}

impl InHandDocument {
    fn of(held: &InHand) -> InHandDocument {
        let bytes: Vec<u8> = held.ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        InHandDocument { ids: STANDARD.encode(bytes), left_out: held.left_out, truncation: held.truncation }
    }

    fn read(self) -> Result<InHand, String> {
        let bytes = STANDARD.decode(self.ids).map_err(|e| format!("damaged ({e})"))?;
        let (ids, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(format!("damaged ({} bytes of samples in hand)", bytes.len()));
        }
        let ids = ids.iter().map(|id| u64::from_le_bytes(*id)).collect();
        Ok(InHand { ids, left_out: self.left_out, truncation: self.truncation })
    }
}

const FORMAT: &str = "curricle-state";

impl SamplerState {
    /// Number of the step that comes next.
    pub fn step(&self) -> u64 {
        self.progress.step
    }

    /// Samples in the global batches so far.
    pub fn consumed_samples(&self) -> u64 {
        self.progress.consumed_samples
    }

    /// Tokens in them after truncation and without padding; `None` if the run does not count them.
    pub fn consumed_tokens(&self) -> Option<u64> {
        self.progress.consumed_tokens
    }

    /// Tokens that all layers of the model processed together, as the run file's `[random-ltd]` has it; `None` without one.
    pub fn layer_tokens(&self) -> Option<u64> {
        self.progress.layer_tokens
    }

    /// Samples that were drawn and are not in any of the batches so far: those that wait for a micro-batch, and those that were left out as
    /// too long. 0 without a budget of tokens.
    pub fn kept_back(&self) -> u64 {
        self.progress.in_hand.as_ref().map_or(0, |held| held.left_out.saturating_add(held.ids.len() as u64))
    }

    /// How often plugins were started again after a fault, by their place in the run file: `policy`, `pacing.NAME`, `batch.tokens.packer`.
    pub fn restarts(&self) -> &BTreeMap<String, u32> {
        &self.progress.restarts
    }

    /// Since when and why `uniform` decides instead of the policy, if it does.
    pub fn fell_back(&self) -> Option<&FellBack> {
        self.progress.fell_back.as_deref()
    }

    /// What differed at resumes and was [let through](crate::Change), oldest first.
    pub fn changes(&self) -> &[Changed] {
        &self.changes
    }

    /// What the run was made of.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The state as one line of JSON.
    pub fn to_json(&self) -> String {
        let progress = &*self.progress;
        let mut document = Document {
            format: FORMAT.into(),
            version: STATE_VERSION,
            step: progress.step,
            consumed_samples: progress.consumed_samples,
            consumed_tokens: progress.consumed_tokens,
            layer_tokens: progress.layer_tokens,
            streams: progress.streams.iter().map(|s| (s.name.to_string(), s.position, format!("{:016x}", s.identity))).collect(),
            policy: progress.policy.as_ref().map(|bytes| STANDARD.encode(bytes)),
            in_hand: progress.in_hand.as_ref().map(InHandDocument::of),
            restarts: progress.restarts.clone(),
            fell_back: progress.fell_back.as_deref().cloned(),
            changes: self.changes.to_vec(),
            identity: (*self.identity).clone(),
            check: String::new(),
        };
        document.check = document.checksum();
        document.to_json()
    }

    /// Reads what [`to_json`](SamplerState::to_json) wrote. `place` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::State`] if it is damaged, foreign or of a later version.
    pub fn from_json(json: &str, place: &str) -> Result<SamplerState> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let foreign = |e: serde_json::Error| Error::state(place, format!("not a state of a run ({e})"), "give a file that a run saved");
        let head: Head = serde_json::from_str(json).map_err(foreign)?;
        if head.format != FORMAT {
            return Err(Error::state(place, format!("its format is `{}`, not `{FORMAT}`", head.format), "give a file that a run saved"));
        }
        if head.version == 0 || head.version > STATE_VERSION {
            return Err(Error::state(
                place,
                format!("its version is {}, this release reads 1 to {STATE_VERSION}", head.version),
                "resume with the release that saved it, or a later one",
            ));
        }
        let damaged = |what: String| Error::state(place, what, "resume from an earlier state");
        let mut document: Document = serde_json::from_str(json).map_err(|e| damaged(format!("damaged ({e})")))?;
        let check = std::mem::take(&mut document.check);
        // A fuzzer cannot make checksums, and shall see what lies behind them.
        if document.checksum() != check && !cfg!(fuzzing) {
            return Err(damaged("damaged: its checksum does not match its content".into()));
        }
        let policy = document.policy.map(|text| STANDARD.decode(text)).transpose().map_err(|e| damaged(format!("damaged ({e})")))?;
        let streams = document
            .streams
            .into_iter()
            .map(|(name, position, identity)| {
                let identity = u64::from_str_radix(&identity, 16).map_err(|e| damaged(format!("damaged ({e})")))?;
                Ok(StreamState { name: name.into(), position, identity })
            })
            .collect::<Result<_>>()?;
        let progress = Progress {
            step: document.step,
            consumed_samples: document.consumed_samples,
            consumed_tokens: document.consumed_tokens,
            layer_tokens: document.layer_tokens,
            streams,
            policy,
            in_hand: document.in_hand.map(InHandDocument::read).transpose().map_err(damaged)?,
            restarts: document.restarts,
            fell_back: document.fell_back.map(Arc::new),
        };
        Ok(SamplerState {
            progress: Arc::new(progress),
            identity: Arc::new(document.identity),
            changes: document.changes.into(),
            origin: Some(place.into()),
        })
    }

    /// Writes the state to a file, whole or not at all. Of two processes that do so the last one's stays; who wants the second refused holds an
    /// [`atomic::Claim`] of the file.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder is missing, read-only or full; an older state at `path` then stands unharmed.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        atomic::write(path.as_ref(), format!("{}\n", self.to_json()).as_bytes())
    }

    /// Reads a file that [`save`](SamplerState::save) wrote.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::State`] if it is no text or larger than any state, otherwise as
    /// [`from_json`](SamplerState::from_json).
    pub fn load(path: impl AsRef<Path>) -> Result<SamplerState> {
        let path = path.as_ref();
        let place = path.display().to_string();
        let foreign = |what: &str| Error::state(&place, format!("not a state of a run ({what})"), "give a file that a run saved");
        let file = open_regular(path)?;
        if file.metadata().map_err(Error::io("open", path))?.len() > MAX_BYTES {
            return Err(foreign("it is larger than 1 GiB"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
        let json = String::from_utf8(bytes).map_err(|_| foreign("it is no text"))?;
        SamplerState::from_json(&json, &place)
    }

    /// What errors call it: its file, or how far it is.
    pub(crate) fn place(&self) -> String {
        self.origin.as_ref().map_or_else(|| format!("as of step {}", self.step()), |origin| origin.to_string())
    }

    /// An error about something in this state, with the place of it.
    pub(crate) fn blame(&self, error: Error) -> Error {
        match error {
            Error::State { place, problem, remedy } if self.origin.is_some() => {
                Error::state(self.place(), format!("{place}: {problem}"), remedy)
            }
            other => other,
        }
    }
}

impl Document {
    fn to_json(&self) -> String {
        // Strings and numbers only: nothing that JSON could refuse.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn checksum(&self) -> String {
        format!("{:032x}", xxh3_128(self.to_json().as_bytes()))
    }
}

#[cfg(test)]
mod tests;
