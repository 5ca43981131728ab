//! The files that machines which are not connected hand on: what a part found, and what the parts of a pass came to.
//!
//! | bytes | what |
//! | --- | --- |
//! | content | the results of nodes of a tree, end to end; or values, little-endian; or the result of a pass |
//! | head | JSON of [`Head`] |
//! | 8 | size of the head, u64 little-endian |
//! | 16 | xxh3 of all before, 128 bits little-endian |
//! | `CURRPART` | magic |
//!
//! The head comes last because it tells what was found. A reader takes nothing of a file whose hash is wrong.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::{
    part::Part,
    place::{Place, cut},
    values::READ,
};
use crate::{
    Error, Result,
    atomic::AtomicFile,
    columns::{Provenance, ValueType},
    regular::open_regular,
};

const MAGIC: [u8; 8] = *b"CURRPART";
/// Version of the head; others are refused.
pub(super) const VERSION: u32 = 1;
/// What stands behind the head.
const TAIL: u64 = 8 + 16 + 8;
/// Bytes of a head. A tree has at most six nodes a level, so heads are short.
const MAX_HEAD: u64 = 16 << 20;

/// What a file is, and what it belongs to.
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
    pub(super) content: Content,
}

/// What the content of a file is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum Content {
    /// Nodes of the tree of a pass.
    Nodes {
        part: Part,
        /// Place and size of each, from left to right.
        nodes: Vec<(Place, u64)>,
    },
    /// Values of consecutive samples.
    Values {
        part: Part,
        /// Type of them; none if the part has no samples.
        value_type: Option<String>,
    },
    /// The result of a pass.
    Merged,
}

impl Content {
    pub(super) fn part(&self) -> Option<Part> {
        match self {
            Content::Nodes { part, .. } | Content::Values { part, .. } => Some(*part),
            Content::Merged => None,
        }
    }
}

/// A file in the making.
pub(super) struct Writer {
    path: PathBuf,
    file: AtomicFile,
    hash: Xxh3,
}

impl Writer {
    pub(super) fn create(path: PathBuf) -> Result<Writer> {
        Ok(Writer { file: AtomicFile::create(&path)?, path, hash: Xxh3::new() })
    }

    /// Appends content.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes).map_err(Error::io("write", &self.path))
    }

    /// Puts the file in its place, over an older one.
    pub(super) fn finish(mut self, head: &Head) -> Result<PathBuf> {
        let json = serde_json::to_vec(head).map_err(|e| Error::io("write", &self.path)(e.into()))?;
        let size = json.len() as u64;
        self.push(&json)?;
        self.push(&size.to_le_bytes())?;
        let hash = self.hash.digest128().to_le_bytes();
        self.file.write_all(&hash).and_then(|()| self.file.write_all(&MAGIC)).map_err(Error::io("write", &self.path))?;
        self.file.commit()?;
        Ok(self.path)
    }
}

/// A file that was opened.
#[derive(Debug)]
pub(super) struct PartFile {
    pub(super) path: PathBuf,
    pub(super) head: Head,
    file: File,
    /// Bytes of content.
    size: u64,
    hash: u128,
}

impl PartFile {
    /// Opens a file of the column `name` and reads its head.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Column`] if it is something else or was cut short.
    pub(super) fn open(path: &Path, name: &str) -> Result<PartFile> {
        let mut file = open_regular(path)?;
        let read = |e| Error::io("read", path)(e);
        let broken = |what: &str| broken(path, name, what);
        let length = file.metadata().map_err(read)?.len();
        let start = length.checked_sub(TAIL).ok_or_else(|| broken("it is too short"))?;
        let mut tail = [0; TAIL as usize];
        file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut tail)).map_err(read)?;
        let [size @ .., _, _, _, _, _, _, _, _] = &tail[..] else { return Err(broken("it is too short")) };
        let (size, hash) = size.split_first_chunk::<8>().ok_or_else(|| broken("it is too short"))?;
        let hash = hash.try_into().map(u128::from_le_bytes).map_err(|_| broken("it is too short"))?;
        if !tail.ends_with(&MAGIC) {
            return Err(broken("it does not end as such a file does"));
        }
        let head = u64::from_le_bytes(*size);
        let size = start.checked_sub(head).filter(|_| head <= MAX_HEAD).ok_or_else(|| broken("its sizes are nonsense"))?;
        let mut json = vec![0; head as usize];
        file.seek(SeekFrom::Start(size)).and_then(|_| file.read_exact(&mut json)).map_err(read)?;
        let head: Head = serde_json::from_slice(&json).map_err(|e| broken(&format!("its head cannot be read: {e}")))?;
        if head.version != VERSION {
            return Err(broken(&format!("its version is {}, this program reads {VERSION}", head.version)));
        }
        Ok(PartFile { path: path.to_owned(), head, file, size, hash })
    }

    /// Passes the content on in pieces of whole values, and fails at the end if it was not what was written.
    pub(super) fn read(&mut self, name: &str, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let read = |e| Error::io("read", &self.path)(e);
        self.file.seek(SeekFrom::Start(0)).map_err(read)?;
        let mut reader = BufReader::with_capacity(READ, &self.file);
        let (mut hash, mut bytes) = (Xxh3::new(), Vec::new());
        let mut left = self.size;
        while left > 0 {
            bytes.clear();
            reader.by_ref().take(left.min(READ as u64)).read_to_end(&mut bytes).map_err(read)?;
            if bytes.is_empty() {
                return Err(broken(&self.path, name, "it became shorter"));
            }
            left = left.saturating_sub(bytes.len() as u64);
            hash.update(&bytes);
            each(&bytes)?;
        }
        bytes.clear();
        reader.read_to_end(&mut bytes).map_err(read)?;
        hash.update(bytes.len().checked_sub(24).and_then(|end| bytes.get(..end)).unwrap_or_default());
        // A fuzzer cannot make hashes, and shall see what lies behind them.
        match hash.digest128() == self.hash || cfg!(fuzzing) {
            true => Ok(()),
            false => Err(broken(&self.path, name, "its bytes are not those that were written")),
        }
    }

    /// The content at once.
    pub(super) fn content(&mut self, name: &str) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        self.read(name, |bytes| {
            content.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(content)
    }

    /// The nodes of a pass.
    pub(super) fn nodes(&mut self, name: &str) -> Result<Vec<(Place, Vec<u8>)>> {
        let content = self.content(name)?;
        let sizes = match &self.head.content {
            Content::Nodes { nodes, .. } => nodes.as_slice(),
            _ => &[],
        };
        cut(&content, sizes).ok_or_else(|| broken(&self.path, name, "its sizes are nonsense"))
    }

    /// Type of the values; none if there are none.
    pub(super) fn value_type(&self, name: &str) -> Result<Option<ValueType>> {
        let Content::Values { value_type: Some(text), .. } = &self.head.content else { return Ok(None) };
        ValueType::named(text).map(Some).ok_or_else(|| broken(&self.path, name, &format!("its values are of the unknown type `{text}`")))
    }
}

/// A file that is not what was written.
pub(super) fn broken(path: &Path, name: &str, what: &str) -> Error {
    let problem = format!("`{}` is damaged, or no part of an analysis: {what}", path.display());
    Error::column(name, problem, "copy it here again, or make it again with `curricle analyze`")
}
