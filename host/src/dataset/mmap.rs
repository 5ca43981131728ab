//! Files in memory: the only unsafe code of this folder, and whose promise it rests on.

use std::{
    fmt,
    fs::{self, File},
    ops::Deref,
    path::{Path, PathBuf},
};

use memmap2::Mmap;

use crate::{Error, Result};

/// A file, mapped to be read. It dereferences to the file's bytes.
///
/// The promise it rests on: nobody shortens or overwrites a file while it is mapped. Writers of this crate never do, since they write
/// another file and rename it. A program that does, kills readers with a bus error, as it would kill any program that maps files.
pub(crate) struct Mapped {
    path: PathBuf,
    file: File,
    map: Mmap,
}

impl Mapped {
    /// Maps a regular file whole; an empty one too.
    pub(crate) fn open(path: &Path) -> Result<Mapped> {
        let metadata = fs::metadata(path).map_err(Error::io("open", path))?;
        // A pipe or a folder has no bytes to map, and the system's words for it help nobody.
        if !metadata.is_file() {
            return Err(Error::dataset(path, "it is not a regular file", "give the path of a file"));
        }
        let file = File::open(path).map_err(Error::io("open", path))?;
        // SAFETY: the mapping is read-only and private to this value; that the file keeps its bytes is the promise told above.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io("map", path))?;
        Ok(Mapped { path: path.to_owned(), file, map })
    }

    /// The file that is mapped.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells the system whether reads will jump about, so that it reads ahead or does not. A hint: failing is no error.
    pub(crate) fn advise_random(&self, random: bool) {
        #[cfg(unix)]
        let _ = self.map.advise(if random { memmap2::Advice::Random } else { memmap2::Advice::Normal });
    }

    /// The bytes at a place, read into a buffer: a few here and there come in a third of the time that mapping their pages takes, and the system
    /// reads nothing ahead of them.
    ///
    /// # Panics
    /// If they reach past the end.
    pub(crate) fn read_at<'a>(&'a self, at: usize, buffer: &'a mut [u8]) -> &'a [u8] {
        #[cfg(unix)]
        if std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, at as u64).is_ok() {
            return buffer;
        }
        &self.map[at..at + buffer.len()]
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped").field("path", &self.path).field("len", &self.map.len()).finish()
    }
}

/// `len` bytes at `at`, or none where they reach past the end or past what an address holds.
pub(crate) fn bytes_at(bytes: &[u8], at: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(at).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    bytes.get(start..end)
}

/// The four bytes at `at`.
pub(crate) fn array4(bytes: &[u8], at: u64) -> Option<[u8; 4]> {
    bytes_at(bytes, at, 4)?.try_into().ok()
}

/// The eight bytes at `at`.
pub(crate) fn array8(bytes: &[u8], at: u64) -> Option<[u8; 8]> {
    bytes_at(bytes, at, 8)?.try_into().ok()
}

/// Calls up bytes that will be read soon. A hint: it changes nothing but how long the reading will take.
pub(crate) fn prefetch(bytes: &[u8]) {
    // So many that the processor can wait for them at once; from there on it reads ahead by itself.
    const LINES: usize = 64;
    const LINE: usize = 64;
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(LINE).take(LINES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, and it faults at no address; this one is that of a live slice.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, LINES, LINE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_maps_to_no_bytes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(&*Mapped::open(file.path()).unwrap(), b"");
    }

    #[test]
    fn a_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let message = Mapped::open(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("it is not a regular file; give the path of a file"), "{message}");
    }

    #[test]
    fn bytes_past_the_end_or_past_any_address_are_none() {
        assert_eq!(bytes_at(b"abc", 1, 2), Some(&b"bc"[..]));
        assert_eq!(bytes_at(b"abc", 2, 2), None);
        assert_eq!(bytes_at(b"abc", u64::MAX, u64::MAX), None);
    }
}
