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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::super::{Column, ColumnWriter, Provenance, Totals, ValueType, Values, write_categories};
    use crate::Result;

    /// Everything that a reader can see.
    fn seen(path: &Path) -> Result<String> {
        let column = Column::open(path)?;
        column.verify()?;
        let (mut values, mut order) = (Vec::new(), Vec::new());
        column.values(&(0..column.len()).collect::<Vec<_>>(), &mut values)?;
        (0..column.len()).try_for_each(|place| column.sample_at(place).map(|id| order.push(id)))?;
        let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
        Ok(format!("{:?} {bits:?} {order:?} {:?} {:?}", column.value_type(), column.categories(), column.provenance()))
    }

    fn each_flip(path: &Path, seen: impl Fn(&Path) -> Result<String>) {
        let (whole, expected) = (fs::read(path).unwrap(), seen(path).unwrap());
        let damaged = path.with_file_name("damaged.arrow");
        let (mut found, mut bits) = (0, 0);
        // Of what is hashed as it is, some; of the footer, every byte.
        let footer = whole.len() - 1_100.min(whole.len() / 2);
        for at in (0..footer).step_by(11).chain(footer..whole.len()) {
            let bit = at % 8;
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            fs::write(&damaged, &bytes).unwrap();
            bits += 1;
            match seen(&damaged) {
                Ok(seen) => assert_eq!(seen, expected, "bit {bit} of byte {at} changes what is read, and nobody notices"),
                Err(_) => found += 1,
            }
        }
        // Paddings of the footer mean nothing to anybody.
        assert!(found * 2 > bits, "{found} of {bits} are found");
    }

    #[test]
    fn a_flipped_bit_is_found_or_means_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.arrow");
        let mut writer = ColumnWriter::create(&path, ValueType::F32, Provenance::of("9f3a", 9)).unwrap();
        writer.push(&Values::F32(vec![4.0, 1.0, 9.5, -2.0, 0.0, 7.0, 1.0, 3.0, 8.0])).unwrap();
        writer.set_totals(vec![1.5, 2.5]).unwrap();
        writer.finish().unwrap();
        each_flip(&path, seen);
        each_flip(&Totals::beside(&path), |path| {
            Totals::open(path).map(|totals| format!("{:?} {:?}", totals.values(), totals.provenance()))
        });
        let names = ["code", "prose", "tables"].map(String::from);
        write_categories(&path, &names, [2, 0, 1, 1, 0], Provenance::of("9f3a", 5)).unwrap();
        each_flip(&path, seen);
    }
}
