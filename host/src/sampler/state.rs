//! Where a run stands, as a value: small, versioned JSON that resumes anywhere with any number of ranks.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::{Error, Result, atomic, streams::StreamState};

/// Version of the format that this release writes; it reads every version from 1.
pub const STATE_VERSION: u32 = 1;

/// What decides the order of samples. A state resumes only where all of it is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Fingerprint of the dataset in the run's view.
    pub dataset: String,
    /// Name and version of the policy.
    pub plugin: String,
    /// SHA-256 of its file.
    pub plugin_sha256: String,
    /// Hash of the policy's configuration, the pacing functions, and what they do to lengths.
    pub config: String,
    /// Hash of each column, by name. More of them at the resume do no harm.
    pub columns: BTreeMap<String, String>,
    /// Seed of the run.
    pub seed: u64,
}

impl Identity {
    /// Hash of a JSON value that does not depend on the order of keys.
    pub(crate) fn hash(value: &Value) -> String {
        let mut canonical = String::new();
        canonicalize(value, &mut canonical);
        format!("{:032x}", xxh3_128(canonical.as_bytes()))
    }

    /// What differs from another identity, in words; empty if nothing does.
    fn differences(&self, other: &Identity) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, mine: &str, theirs: &str| {
            if mine != theirs {
                found.push(format!("{what} (saved {mine}, here {theirs})"));
            }
        };
        compare("dataset", &self.dataset, &other.dataset);
        compare("plugin", &self.plugin, &other.plugin);
        if self.plugin == other.plugin {
            compare("plugin file", &self.plugin_sha256, &other.plugin_sha256);
        }
        compare("configuration of policy, pacing or lengths", &self.config, &other.config);
        for (name, saved) in &self.columns {
            compare(&format!("column `{name}`"), saved, other.columns.get(name).map_or("missing", String::as_str));
        }
        compare("seed", &self.seed.to_string(), &other.seed.to_string());
        found
    }
}

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
        if document.checksum() != check {
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
        };
        Ok(SamplerState { progress: Arc::new(progress), identity: Arc::new(document.identity) })
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
    /// [`Error::Io`] if it cannot be read, otherwise as [`from_json`](SamplerState::from_json).
    pub fn load(path: impl AsRef<Path>) -> Result<SamplerState> {
        let path = path.as_ref();
        let json = atomic::read_text(path)?;
        SamplerState::from_json(&json, &path.display().to_string())
    }

    /// Refuses a run that is made of something else.
    pub(crate) fn check(&self, here: &Identity) -> Result<()> {
        let found = self.identity.differences(here);
        if found.is_empty() {
            return Ok(());
        }
        Err(Error::state(
            format!("as of step {}", self.step()),
            format!("it belongs to another run: {} differs", found.join("; ")),
            "resume with the same data, plugin, configuration and seed, or start from step 0",
        ))
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

    fn state() -> SamplerState {
        let streams = vec![StreamState { name: "all".into(), position: 1 << 40, identity: 7 }];
        let policy = Some(vec![0, 255]);
        let progress =
            Progress { step: 3, consumed_samples: 96, consumed_tokens: Some(5000), layer_tokens: None, streams, policy, in_hand: None };
        let identity = Identity {
            dataset: "9f3a".into(),
            plugin: "uniform 0.1.0".into(),
            plugin_sha256: "ab".into(),
            config: Identity::hash(&serde_json::json!({ "b": 1, "a": [1.5, null] })),
            columns: BTreeMap::from([("length".into(), "00".into())]),
            seed: 5,
        };
        SamplerState { progress: Arc::new(progress), identity: Arc::new(identity) }
    }

    #[test]
    fn a_state_reads_back_to_the_same_bytes() {
        let json = state().to_json();
        assert_eq!(SamplerState::from_json(&json, "x").unwrap().to_json(), json);
    }

    #[test]
    fn tokens_of_layers_are_in_a_state_only_where_they_are_counted() {
        assert!(!state().to_json().contains("layer_tokens"));
        let progress = Progress { layer_tokens: Some(1 << 60), ..(*state().progress).clone() };
        let counted = SamplerState { progress: Arc::new(progress), ..state() };
        assert_eq!(SamplerState::from_json(&counted.to_json(), "x").unwrap().layer_tokens(), Some(1 << 60));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let json = state().to_json().into_bytes();
        for bit in 0..json.len() * 8 {
            let mut flipped = json.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let Ok(text) = String::from_utf8(flipped) else { continue };
            // Hexadecimal digits in the other case are the same number.
            let same = text.eq_ignore_ascii_case(std::str::from_utf8(&json).unwrap());
            assert!(same || SamplerState::from_json(&text, "x").is_err(), "bit {bit} of {text}");
        }
    }

    #[test]
    fn a_state_of_a_later_version_is_refused_by_number() {
        let error = SamplerState::from_json(r#"{"format":"curricle-state","version":9}"#, "s.json").unwrap_err().to_string();
        assert_eq!(
            error,
            "state `s.json`: its version is 9, this release reads 1 to 1; resume with the release that saved it, or a later one"
        );
    }

    #[test]
    fn another_seed_is_refused_with_both() {
        let here = Identity { seed: 6, ..state().identity().clone() };
        assert_eq!(
            state().check(&here).unwrap_err().to_string(),
            "state `as of step 3`: it belongs to another run: seed (saved 5, here 6) differs; resume with the same data, plugin, \
             configuration and seed, or start from step 0"
        );
    }

    #[test]
    fn the_hash_of_a_configuration_ignores_the_order_of_keys() {
        let a: Value = serde_json::from_str(r#"{"x":1,"y":{"b":2,"a":"é"}}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"y":{"a":"é","b":2},"x":1}"#).unwrap();
        assert_eq!(Identity::hash(&a), Identity::hash(&b));
    }
}
