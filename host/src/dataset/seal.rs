//! Sizes and hashes of a pair that this crate wrote where anybody may damage it: in the cache.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{indexed::with_suffix, mmap::Mapped};
use crate::{Error, Result, atomic};

/// Bytes that are hashed whenever the pair is opened, in about ten milliseconds; of larger ones `Dataset::verify` hashes the content.
const SMALL: u64 = 64 << 20;
const FILES: [&str; 2] = ["bin", "idx"];

/// A pair that was sealed. Its seal lies beside it, as `PREFIX.seal`.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    prefix: PathBuf,
    files: Vec<FileSeal>,
}

/// What a file was when it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSeal {
    bytes: u64,
    xxh3: String,
}

impl FileSeal {
    fn of(bytes: &[u8]) -> FileSeal {
        FileSeal { bytes: bytes.len() as u64, xxh3: format!("{:032x}", xxh3_128(bytes)) }
    }
}

impl Sealed {
    /// Seals the pair at `prefix`.
    pub(super) fn write(prefix: &Path) -> Result<()> {
        let files = FILES.map(|extension| Mapped::open(&with_suffix(prefix, extension)).map(|file| FileSeal::of(&file)));
        let files = files.into_iter().collect::<Result<Vec<_>>>()?;
        let path = with_suffix(prefix, "seal");
        let json = serde_json::to_vec(&files).map_err(|e| Error::io("write", &path)(e.into()))?;
        atomic::write(path, &json)
    }

    /// Opens the pair at `prefix` if it is there and as it was sealed: always in its sizes, and in its content if it is small.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn open(prefix: &Path) -> Result<Sealed, String> {
        let json = atomic::read_text(&with_suffix(prefix, "seal")).map_err(|e| e.to_string())?;
        let files: Vec<FileSeal> = serde_json::from_str(&json).map_err(|e| format!("its seal cannot be read ({e})"))?;
        let sealed = Sealed { prefix: prefix.to_owned(), files };
        let whole = sealed.files.iter().try_fold(0u64, |sum, file| sum.checked_add(file.bytes));
        sealed.check(whole.is_some_and(|bytes| bytes <= SMALL))?;
        Ok(sealed)
    }

    /// Compares sizes, and content if it is wished.
    fn check(&self, content: bool) -> Result<(), String> {
        if self.files.len() != FILES.len() {
            return Err("its seal is of another number of files".to_owned());
        }
        for (extension, sealed) in FILES.iter().zip(&self.files) {
            let file = Mapped::open(&with_suffix(&self.prefix, extension)).map_err(|e| e.to_string())?;
            if file.len() as u64 != sealed.bytes {
                return Err(format!("its `.{extension}` has {} bytes instead of {}", file.len(), sealed.bytes));
            }
            if content && FileSeal::of(&file) != *sealed {
                return Err(format!("the bytes of its `.{extension}` are not those that were written"));
            }
        }
        Ok(())
    }

    /// Compares everything.
    ///
    /// # Errors
    /// [`Error::Dataset`] if something differs.
    pub(super) fn verify(&self) -> Result<()> {
        let folder = self.prefix.parent().unwrap_or(&self.prefix);
        self.check(true).map_err(|problem| {
            Error::dataset(folder, format_args!("this copy in the cache is damaged: {problem}"), "remove the folder, it is made again")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_found_when_a_small_pair_is_opened_and_when_any_is_verified() {
        let folder = tempfile::tempdir().unwrap();
        let prefix = folder.path().join("tokens");
        let [bin, idx] = FILES.map(|extension| with_suffix(&prefix, extension));
        std::fs::write(&bin, [1; 100]).unwrap();
        std::fs::write(&idx, [2; 50]).unwrap();
        assert!(Sealed::open(&prefix).unwrap_err().contains("tokens.seal"));
        Sealed::write(&prefix).unwrap();
        let sealed = Sealed::open(&prefix).unwrap();
        sealed.verify().unwrap();
        for (path, extension) in [(&bin, "bin"), (&idx, "idx")] {
            let whole = std::fs::read(path).unwrap();
            let mut flipped = whole.clone();
            flipped[30] ^= 4;
            std::fs::write(path, &flipped).unwrap();
            let problem = format!("the bytes of its `.{extension}` are not those that were written");
            assert_eq!(Sealed::open(&prefix).unwrap_err(), problem);
            let message = sealed.verify().unwrap_err().to_string();
            assert!(message.ends_with(&format!("this copy in the cache is damaged: {problem}; remove the folder, it is made again")));
            std::fs::write(path, &whole[1..]).unwrap();
            let sizes = format!("its `.{extension}` has {} bytes instead of {}", whole.len() - 1, whole.len());
            assert_eq!(Sealed::open(&prefix).unwrap_err(), sizes);
            std::fs::write(path, &whole).unwrap();
        }
        std::fs::write(with_suffix(&prefix, "seal"), "[]").unwrap();
        assert!(Sealed::open(&prefix).is_err());
    }
}
