//! What an import in the making knows about itself, so that the next go continues where this one was.

use std::{collections::BTreeMap, fs, io, path::Path};

use curricle::{Error, Result, atomic};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{bad_option, reader::Position};

const FORMAT: &str = "curricle-import";
const VERSION: u32 = 1;

/// What decides about the result: a journal of another job must not be continued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    /// Options by their names.
    pub(super) options: BTreeMap<String, String>,
    /// Digest of the list of files.
    pub(super) sources: String,
}

impl Job {
    /// Digest of all of it.
    fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for text in self.options.iter().flat_map(|(key, value)| [key, value]).chain([&self.sources]) {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        curricle::hex(&hasher.finalize())
    }
}

/// What a finished dataset says of its import, so that the same command finds its work done.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Digest of the job.
    job: String,
    text_bytes: u64,
    empty: u64,
}

impl Facts {
    /// Whether they are of this job.
    pub(super) fn are_of(&self, job: &Job) -> bool {
        self.job == job.digest()
    }
}

/// How far an import is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    format: String,
    version: u32,
    pub(super) job: Job,
    /// Where the next document is looked for.
    pub(super) next: Position,
    /// What is written.
    pub(super) documents: u64,
    pub(super) tokens: u64,
    /// Bytes of text of these documents.
    pub(super) text_bytes: u64,
    /// Documents that were skipped because they have no tokens.
    pub(super) empty: u64,
    /// Names and numbers of documents, in the order in which they were met.
    pub(super) categories: Vec<(String, u64)>,
    /// Everything is written and only has to get its place.
    pub(super) finished: bool,
    /// By what the finished folder is known, when it has its place and when not.
    #[serde(default)]
    pub(super) mark: Option<u64>,
}

impl Journal {
    /// The journal of an import that begins.
    pub(super) fn new(job: &Job) -> Journal {
        Journal {
            format: FORMAT.to_owned(),
            version: VERSION,
            job: job.clone(),
            next: Position::default(),
            documents: 0,
            tokens: 0,
            text_bytes: 0,
            empty: 0,
            categories: Vec::new(),
            finished: false,
            mark: None,
        }
    }

    /// The journal of an import that was finished, as `dataset.json` tells it.
    pub(super) fn of_finished(job: &Job, (documents, tokens): (u64, u64), facts: &Facts, categories: Vec<(String, u64)>) -> Journal {
        let Facts { text_bytes, empty, .. } = *facts;
        Journal { documents, tokens, text_bytes, empty, categories, finished: true, ..Journal::new(job) }
    }

    /// What `dataset.json` says of the import.
    pub(super) fn facts(&self) -> Facts {
        Facts { job: self.job.digest(), text_bytes: self.text_bytes, empty: self.empty }
    }

    /// Reads a journal, if there is one.
    pub(super) fn load(path: &Path) -> Result<Option<Journal>> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", path)(e)),
        };
        let state = |problem: String| Error::State {
            place: path.display().to_string(),
            problem,
            remedy: "begin again with `--force`, or remove the folder".into(),
        };
        let journal: Journal = serde_json::from_slice(&text).map_err(|e| state(format!("it is no journal of an import ({e})")))?;
        match (journal.format.as_str(), journal.version) {
            (FORMAT, VERSION) => Ok(Some(journal)),
            (format, version) => Err(state(format!("it is `{}` of version {version}", format.escape_debug()))),
        }
    }

    /// Writes it, whole or not at all.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(|e| Error::io("write", path)(e.into()))?;
        atomic::write(path, &text)
    }

    /// Refuses to go on with another job's work.
    pub(super) fn check(&self, job: &Job, partial: &Path) -> Result<()> {
        let remedy = "give the command that began it, or begin again with `--force`";
        let refuse = |what: String| Err(bad_option("--out", format!("`{}` holds another import: {what}", partial.display()), remedy));
        let (ours, theirs) = (&self.job.options, &job.options);
        let none = || "not given".to_owned();
        let shown = |value: Option<&String>| value.map_or_else(none, |value| format!("`{}`", value.escape_debug()));
        for key in ours.keys().chain(theirs.keys()) {
            let (was, is) = (ours.get(key), theirs.get(key));
            if was != is {
                return refuse(format!("`{key}` was {} and is {}", shown(was), shown(is)));
            }
        }
        match self.job.sources == job.sources {
            true => Ok(()),
            false => refuse("the files of SOURCE are others, or were changed since".to_owned()),
        }
    }
}
