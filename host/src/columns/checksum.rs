//! A hash of everything in a file of this crate's own format, taken as it is written and compared by who reads everything.

use std::{
    io::{self, Write},
    sync::Arc,
};

use memmap2::Mmap;
use xxhash_rust::xxh3::Xxh3;

/// Passes bytes on, and hashes them.
pub(super) struct Hashing<W> {
    pub(super) inner: W,
    hash: Xxh3,
}

impl<W> Hashing<W> {
    pub(super) fn new(inner: W) -> Hashing<W> {
        Hashing { inner, hash: Xxh3::new() }
    }

    /// The checksum of what was written so far, and of `footer`, what a footer will say.
    pub(super) fn checksum(&self, footer: &str) -> String {
        let mut hash = self.hash.clone();
        hash.update(footer.as_bytes());
        in_hex(&hash)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..n).unwrap_or_default());
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: std::fmt::Debug> std::fmt::Debug for Hashing<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hashing").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// The checksum that a file should have.
#[derive(Debug)]
pub(super) struct Checksum {
    pub(super) map: Arc<Mmap>,
    /// Where the footer begins, which has the checksum and so is no part of it.
    pub(super) end: u64,
    /// What the footer says, as far as readers go by it.
    pub(super) footer: String,
    pub(super) expected: String,
}

impl Checksum {
    /// Whether the file is what was written.
    pub(super) fn holds(&self) -> bool {
        let bytes = usize::try_from(self.end).ok().and_then(|end| self.map.get(..end));
        bytes.is_some_and(|bytes| checksum(bytes, &self.footer) == self.expected)
    }
}

/// The checksum of a file whose footer, which is still to come, will say `footer`.
pub(super) fn checksum(bytes: &[u8], footer: &str) -> String {
    let mut hash = Xxh3::new();
    hash.update(bytes);
    hash.update(footer.as_bytes());
    in_hex(&hash)
}

fn in_hex(hash: &Xxh3) -> String {
    format!("{:032x}", hash.digest128())
}
