//! Pairs of `.bin` and `.idx` files, as Megatron-LM, DeepSpeed and fairseq write them.
//!
//! The `.bin` holds the elements of all items, end to end, without a header. The `.idx` says where each item lies; everything in it is
//! little-endian and nothing is aligned. With n items, d entries of the document index and s sizes, it is one of
//!
//! | MMap, at byte | | Tntidx, at byte | |
//! | --- | --- | --- | --- |
//! | 0 | `MMIDIDX\0\0` | 0 | `TNTIDX\0\0` |
//! | 9 | u64 version, 1 | 8 | u64 version, 1 |
//! | 17 | u8 type code | 16 | u64 type code |
//! | | | 24 | u64 bytes an element |
//! | 18 | u64 n | 32 | u64 n |
//! | | | 40 | u64 s |
//! | 26 | u64 d | 48 | u64 d |
//! | | | 56 | i64[n + 1] where the sizes of an item begin |
//! | 34 | i32[n] lengths in elements | 64 + 8n | i64[n + 1] where an item begins, in elements |
//! | 34 + 4n | i64[n] where an item begins, in bytes | 72 + 16n | i64[s] sizes of the items' dimensions |
//! | 34 + 12n | i64[d] document index | 72 + 16n + 8s | i64[d] document index |
//!
//! Megatron's multimodal files add i8[n] modes at the end of the first kind, which are not read.
//!
//! Opening looks at a few hundred items at either end and at nothing between, so that it takes no longer for 10⁸ items than for ten. Every
//! access checks the item that it reads.

mod dialect;
mod header;
#[cfg(test)]
mod tests;

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

pub use self::dialect::{Dialect, ElementType, PairFormat};
use self::header::Header;
use super::mmap::{self, Mapped, array4, array8, bytes_at};
use crate::{Error, Result};

pub(crate) const MMAP_MAGIC: &[u8; 9] = b"MMIDIDX\0\0";
pub(crate) const TNTIDX_MAGIC: &[u8; 8] = b"TNTIDX\0\0";

/// What to do about an `.idx` that cannot be right.
const DAMAGED: &str = "copy or build the pair again";

/// Which of the two kinds of `.idx` file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Magic {
    /// `MMIDIDX`: the current one, of Megatron-LM and DeepSpeed.
    #[default]
    MMap,
    /// `TNTIDX`: the older one, of fairseq and of the `lazy` and `cached` implementations.
    Tntidx,
}

/// A `.bin`/`.idx` pair as it is: tokens, or the metric values and sample ids that DeepSpeed's analyzer leaves in such files.
#[derive(Debug)]
pub struct IndexedFile {
    bin: Mapped,
    idx: Mapped,
    magic: Magic,
    element: ElementType,
    n: u64,
    d: u64,
    /// Where the i32 lengths begin; unused by Tntidx, whose lengths are differences.
    lens_at: u64,
    offsets_at: u64,
    docs_at: u64,
    modes: bool,
}

impl IndexedFile {
    /// Opens `PREFIX.bin` and `PREFIX.idx`; the path of either will do as well.
    ///
    /// The type code of an `.idx` means different things to different programs, which the size of the `.bin` tells apart. Where `uint32`
    /// and `float32` both fit it is taken for `uint32` if some element would be a subnormal number as a float.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read. [`Error::Dataset`] if one is missing, truncated or foreign, if the two do not belong
    /// together, or if the type of the elements remains unclear.
    pub fn open(prefix: impl AsRef<Path>) -> Result<IndexedFile> {
        open(prefix.as_ref(), None)
    }

    /// As [`open`](IndexedFile::open), for a file whose type code is ambiguous: the caller says what the elements are.
    ///
    /// # Errors
    /// As [`open`](IndexedFile::open), and if the type code does not allow that type.
    pub fn open_as(prefix: impl AsRef<Path>, element: ElementType) -> Result<IndexedFile> {
        open(prefix.as_ref(), Some(element))
    }

    /// Number of items.
    pub fn len(&self) -> u64 {
        self.n
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// What an element is.
    pub fn element_type(&self) -> ElementType {
        self.element
    }

    /// The kind of `.idx` file.
    pub fn magic(&self) -> Magic {
        self.magic
    }

    /// Number of elements in the `.bin`.
    pub fn n_elements(&self) -> u64 {
        self.bin.len() as u64 / self.element.width()
    }

    /// Elements of item `i`.
    ///
    /// # Errors
    /// [`Error::Dataset`] if there is no such item or its length is no length.
    pub fn size(&self, i: u64) -> Result<u64> {
        if i >= self.n {
            return Err(self.no_item(i));
        }
        match self.magic {
            Magic::MMap => {
                let len = self.len_at(i).ok_or_else(|| self.no_item(i))?;
                u64::try_from(len).map_err(|_| self.wrong(i, format_args!("its length is {len}")))
            }
            Magic::Tntidx => {
                let (start, end) = self.offset_at(i).zip(self.offset_at(i + 1)).ok_or_else(|| self.no_item(i))?;
                let len = end.checked_sub(start).and_then(|len| u64::try_from(len).ok());
                len.ok_or_else(|| self.wrong(i, format_args!("it begins at element {start} and ends at {end}")))
            }
        }
    }

    /// The elements of all items, in order, as [`size`](IndexedFile::size) gives them.
    pub fn sizes(&self) -> impl Iterator<Item = Result<u64>> + '_ {
        (0..self.n).map(|i| self.size(i))
    }

    /// The elements of item `i`: little-endian bytes, not aligned.
    ///
    /// # Errors
    /// [`Error::Dataset`] if there is no such item or it does not lie in the `.bin`.
    pub fn bytes(&self, i: u64) -> Result<&[u8]> {
        let Range { start, end } = self.place(i)?;
        bytes_at(&self.bin, start, end - start).ok_or_else(|| self.past_end(i, end - start))
    }

    /// Some elements of item `i`, counted from its first; only they are read.
    ///
    /// # Errors
    /// As [`bytes`](IndexedFile::bytes), and if the item has no such elements.
    pub fn part(&self, i: u64, elements: Range<u64>) -> Result<&[u8]> {
        let Range { start, end } = self.place(i)?;
        let width = self.element.width();
        let (first, len) = (elements.start.checked_mul(width), elements.end.checked_sub(elements.start).and_then(|n| n.checked_mul(width)));
        let part = first.zip(len).and_then(|(first, len)| Some((start.checked_add(first)?, len)));
        match part
            .filter(|(at, len)| at.checked_add(*len).is_some_and(|last| last <= end))
            .and_then(|(at, len)| bytes_at(&self.bin, at, len))
        {
            Some(part) => Ok(part),
            None => {
                let (asked, has) = (format!("{}..{}", elements.start, elements.end), (end - start) / width);
                let problem = format_args!("elements {asked} of item {i} were asked for, and it has {has}");
                Err(Error::dataset(self.idx.path(), problem, "ask for elements that exist"))
            }
        }
    }

    /// The elements of consecutive items, in order, as [`bytes`](IndexedFile::bytes) gives them.
    ///
    /// # Errors
    /// [`Error::Dataset`] if one of the items does not exist; what is wrong with a single one is told when it is reached.
    pub fn items(&self, items: Range<u64>) -> Result<impl Iterator<Item = Result<&[u8]>> + '_> {
        if items.start > items.end || items.end > self.n {
            let problem = format_args!("items {}..{} were asked for, and it has {}", items.start, items.end, self.n);
            return Err(Error::dataset(self.idx.path(), problem, "ask for items that exist"));
        }
        Ok(items.map(|i| self.bytes(i)))
    }

    /// Where item `i` lies in the `.bin`, in bytes.
    pub(crate) fn place(&self, i: u64) -> Result<Range<u64>> {
        let len = self.size(i)?.saturating_mul(self.element.width());
        let at = self.offset_at(i).ok_or_else(|| self.no_item(i))?;
        let start = u64::try_from(at).ok().and_then(|at| match self.magic {
            Magic::MMap => Some(at),
            Magic::Tntidx => at.checked_mul(self.element.width()),
        });
        let place = start.and_then(|start| Some(start..start.checked_add(len)?));
        place.filter(|place| place.end <= self.bin.len() as u64).ok_or_else(|| self.past_end(i, len))
    }

    /// The document index: where documents begin, counted in items, and the number of items at its end. Merged files repeat entries.
    pub fn document_index(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        let bytes = bytes_at(&self.idx, self.docs_at, self.d * 8).unwrap_or_default();
        bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b))
    }

    /// Whether each item has a mode, as in Megatron's multimodal files. They are not read.
    pub fn has_modes(&self) -> bool {
        self.modes
    }

    /// All elements of the `.bin`, items or not.
    pub(crate) fn all(&self) -> &[u8] {
        &self.bin
    }

    /// Both files, for fingerprints: `.bin` first.
    pub(crate) fn files(&self) -> [&Mapped; 2] {
        [&self.bin, &self.idx]
    }

    /// Where the first item begins, in bytes or elements; 0 in every file whose items are the `.bin` end to end.
    pub(crate) fn first_offset(&self) -> i64 {
        self.offset_at(0).unwrap_or(0)
    }

    /// Appends the elements of the given items: [`size`](IndexedFile::size) without its cost per call.
    pub(crate) fn sizes_of(&self, ids: &[u64], out: &mut Vec<u32>) -> Result<()> {
        out.reserve(ids.len());
        if self.magic == Magic::MMap {
            let lens = bytes_at(&self.idx, self.lens_at, self.n * 4).unwrap_or_default().as_chunks::<4>().0;
            for &id in ids {
                let len = usize::try_from(id).ok().and_then(|id| lens.get(id)).map(|b| i32::from_le_bytes(*b));
                match len.map(u32::try_from) {
                    Some(Ok(len)) => out.push(len),
                    // The slow way finds the words for what is wrong.
                    _ => out.push(u32::try_from(self.size(id)?).unwrap_or(u32::MAX)),
                }
            }
            return Ok(());
        }
        for &id in ids {
            let len = self.size(id)?;
            out.push(u32::try_from(len).map_err(|_| self.wrong(id, format_args!("its {len} elements are more than 4 294 967 295")))?);
        }
        Ok(())
    }

    /// The `n_elements` elements of consecutive items of these lengths; none if they do not lie end to end.
    pub(crate) fn adjoining(&self, ids: Range<u64>, lens: &[u32], n_elements: u64) -> Option<&[u8]> {
        let n = ids.end.checked_sub(ids.start).filter(|n| *n == lens.len() as u64)?;
        let at = self.offsets_at.checked_add(ids.start.checked_mul(8)?)?;
        let offsets = bytes_at(&self.idx, at, n.checked_mul(8)?)?.as_chunks::<8>().0;
        let width = self.element.width();
        let unit = if self.magic == Magic::MMap { width } else { 1 };
        let mut starts = offsets.iter().map(|b| i64::from_le_bytes(*b)).zip(lens);
        let (first, len) = starts.next()?;
        let first = u64::try_from(first).ok()?;
        let mut next = first.checked_add(u64::from(*len) * unit)?;
        for (start, len) in starts {
            if u64::try_from(start) != Ok(next) {
                return None;
            }
            next = next.checked_add(u64::from(*len) * unit)?;
        }
        bytes_at(&self.bin, if self.magic == Magic::MMap { first } else { first.checked_mul(width)? }, n_elements.checked_mul(width)?)
    }

    /// Refuses item `i` if it does not follow on item `i - 1` or does not lie in the `.bin`.
    pub(crate) fn check_item(&self, i: u64) -> Result<()> {
        self.bytes(i)?;
        let previous = i.checked_sub(1).and_then(|p| self.offset_at(p));
        match (previous, self.offset_at(i)) {
            (Some(previous), Some(at)) if at < previous => {
                Err(self.wrong(i, format_args!("it begins at {at}, before the item that precedes it, at {previous}")))
            }
            _ => Ok(()),
        }
    }

    /// Calls up what the index says of an item that will be looked up soon.
    pub(crate) fn prefetch(&self, i: u64) {
        for (at, width) in [(self.lens_at, 4), (self.offsets_at, 8)] {
            let entry = i.checked_mul(width).and_then(|i| at.checked_add(i)).and_then(|at| bytes_at(&self.idx, at, width));
            mmap::prefetch(entry.unwrap_or_default());
        }
    }

    fn len_at(&self, i: u64) -> Option<i32> {
        array4(&self.idx, self.lens_at.checked_add(i.checked_mul(4)?)?).map(i32::from_le_bytes)
    }

    fn offset_at(&self, i: u64) -> Option<i64> {
        array8(&self.idx, self.offsets_at.checked_add(i.checked_mul(8)?)?).map(i64::from_le_bytes)
    }

    fn past_end(&self, i: u64, len: u64) -> Error {
        let unit = if self.magic == Magic::MMap { "byte" } else { "element" };
        let at = self.offset_at(i).unwrap_or_default();
        self.wrong(i, format_args!("{len} bytes from {unit} {at} on reach past the {} bytes of the `.bin`", self.bin.len()))
    }

    fn no_item(&self, i: u64) -> Error {
        Error::dataset(self.idx.path(), format_args!("there is no item {i}, it has {}", self.n), "ask for an item that exists")
    }

    fn wrong(&self, i: u64, problem: impl std::fmt::Display) -> Error {
        Error::dataset(self.idx.path(), format_args!("item {i}: {problem}"), DAMAGED)
    }
}

/// The prefix of a pair, given the prefix or either file.
pub(crate) fn prefix_of(path: &Path) -> PathBuf {
    match path.extension().and_then(|e| e.to_str()) {
        // A prefix may itself end like that.
        Some("bin" | "idx") if !with_suffix(path, "idx").exists() => path.with_extension(""),
        _ => path.to_owned(),
    }
}

/// `path` with `.extension` appended, whatever dots are in it.
pub(crate) fn with_suffix(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn open(path: &Path, wanted: Option<ElementType>) -> Result<IndexedFile> {
    let prefix = prefix_of(path);
    let (bin_path, idx_path) = (with_suffix(&prefix, "bin"), with_suffix(&prefix, "idx"));
    for (missing, present) in [(&bin_path, &idx_path), (&idx_path, &bin_path)] {
        if present.exists() && !missing.exists() {
            let problem = format_args!("the file is missing, though `{}` is there", present.display());
            return Err(Error::dataset(missing, problem, "put the two files of the pair side by side"));
        }
    }
    let (bin, idx) = (Mapped::open(&bin_path)?, Mapped::open(&idx_path)?);
    let header = Header::read(&idx)?;
    let mut file = IndexedFile {
        bin,
        magic: header.magic,
        // Bytes until it is known what the elements are.
        element: ElementType::Int(super::TokenType::U8),
        n: header.n,
        d: header.d,
        lens_at: header.lens_at,
        offsets_at: header.offsets_at,
        docs_at: header.docs_at,
        modes: header.modes,
        idx,
    };
    file.element = dialect::resolve(&file, header.code, header.width, wanted)?;
    Ok(file)
}
