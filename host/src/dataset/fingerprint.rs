//! Identity of what a dataset holds, cheap and stable.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use xxhash_rust::xxh3::Xxh3;

use super::mmap::Mapped;
use crate::{Error, Result, hex};

/// Bytes hashed at either end of a file.
const ENDS: usize = 64 * 1024;
/// Blocks hashed in between, evenly spaced.
const BLOCKS: usize = 64;
/// Bytes of a block.
const BLOCK: usize = 4 * 1024;
/// Files up to this size are hashed whole.
const WHOLE: usize = 2 * ENDS + BLOCKS * BLOCK;

/// Identity of a dataset's content and of the view on it: 16 bytes, written as 32 hexadecimal digits.
///
/// It is the XXH3-128 of format, token type, file sizes, the first and last 64 KiB of each file and 64 evenly spaced blocks of 4 KiB, and
/// of the view, so two views of one file differ. Path and time of change do not count: a copy has the fingerprint of the original.
///
/// It notices another file, another version of a corpus, files cut short, appended to or generated again. It does not notice a few bytes
/// changed in the middle of a large file at the same size: whoever edits tokens in place has to make columns again by hand. Files
/// under 384 KiB are hashed whole. It is no defence against someone who wants two datasets to look alike.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// Reads 32 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Data`] for anything else.
    fn from_str(text: &str) -> Result<Fingerprint> {
        // `from_str_radix` takes a sign, which is no digit.
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        digits.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(|n| Fingerprint(n.to_be_bytes())).ok_or_else(|| {
            Error::data(format_args!("`{}` is no fingerprint", text.escape_debug()), "a fingerprint is 32 hexadecimal digits")
        })
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A fingerprint in the making. Every part is preceded by its length, so parts cannot run into each other.
pub(crate) struct Hasher(Box<Xxh3>);

impl Hasher {
    pub(crate) fn new() -> Hasher {
        let mut hasher = Hasher(Box::default());
        // The recipe has a version, should it ever change.
        hasher.text("curricle-fingerprint-1");
        hasher
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    /// Hashes a mapped file: size, both ends and the blocks in between; a small one whole.
    pub(crate) fn file(&mut self, file: &Mapped) {
        self.number(file.len() as u64);
        if file.len() <= WHOLE {
            self.0.update(file);
            return;
        }
        let last = file.len() - ENDS;
        let mut buffer = vec![0; ENDS];
        let mut part = |at: usize, len: usize| self.0.update(file.read_at(at, &mut buffer[..len]));
        part(0, ENDS);
        // Blocks start evenly from the end of the head to one block before the tail.
        let room = (last - BLOCK - ENDS) as u128;
        for i in 0..BLOCKS {
            part(ENDS + (room * i as u128 / (BLOCKS as u128 - 1)) as usize, BLOCK);
        }
        part(last, ENDS);
    }

    pub(crate) fn finish(self) -> Fingerprint {
        Fingerprint(self.0.digest128().to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Fingerprint {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut hasher = Hasher::new();
        hasher.file(&Mapped::open(file.path()).unwrap());
        hasher.finish()
    }

    #[test]
    fn a_fingerprint_goes_through_text_and_json() {
        let f = of(b"abc");
        assert_eq!(f.to_string().len(), 32);
        assert_eq!(f.to_string().parse::<Fingerprint>().unwrap(), f);
        assert_eq!(serde_json::from_str::<Fingerprint>(&serde_json::to_string(&f).unwrap()).unwrap(), f);
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "xyz", "+0000000000000000000000000000000"] {
            let message = text.parse::<Fingerprint>().unwrap_err().to_string();
            assert_eq!(message, format!("`{text}` is no fingerprint; a fingerprint is 32 hexadecimal digits"));
        }
    }

    #[test]
    fn ends_size_and_blocks_count() {
        let bytes = vec![0u8; 4 << 20];
        let change = |at: usize| {
            let mut other = bytes.clone();
            other[at] = 1;
            of(&other) != of(&bytes)
        };
        assert!(change(0) && change(ENDS - 1) && change(bytes.len() - 1) && change(ENDS) && change(bytes.len() - ENDS - 1));
        assert_ne!(of(&bytes), of(&bytes[1..]));
    }

    #[test]
    fn the_recipe_stays_what_it_was() {
        assert_eq!(of(b"curricle").to_string(), "f97de6908f90bf1eb8d182146b6e3169");
    }
}
