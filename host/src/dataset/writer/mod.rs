//! Writing `.bin`/`.idx` pairs, item by item, in constant memory.

mod layout;
mod spool;

use std::{
    io::{BufWriter, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use self::{
    layout::{Head, lay_out},
    spool::Spool,
};
use super::{
    ElementType, IndexedFile, PairFormat,
    indexed::{Magic, with_suffix},
    mmap::bytes_at,
};
use crate::{Error, Result, atomic::AtomicFile};

/// Bytes of a pair that are copied between two looks at the caller.
const PIECE: u64 = 8 << 20;

/// Writes a `.bin`/`.idx` pair.
///
/// Both files appear when [`finish`](IndexedWriter::finish) is called, the `.bin` first; dropped before, the writer leaves nothing behind.
/// Lengths wait in an unnamed temporary file beside the pair, so memory does not grow with the number of items.
///
/// Programs number some types differently, so a [`Dialect`](super::Dialect) can be chosen. By default `uint16` is written as Megatron-LM and
/// DeepSpeed before 0.13.3 do, and `uint32` and `uint64` as the latter alone. For the widest audience use `int32`.
#[derive(Debug)]
pub struct IndexedWriter {
    bin_path: PathBuf,
    idx_path: PathBuf,
    element: ElementType,
    magic: Magic,
    code: u8,
    bin: BufWriter<AtomicFile>,
    idx: AtomicFile,
    /// i32 a length.
    lens: Spool,
    /// i64 an entry of the document index, the leading 0 left out.
    docs: Spool,
    n: u64,
    /// Elements of the item that is not ended yet.
    open: u64,
    /// Bytes that came from other pairs.
    copied: u64,
    /// Items in front of the last end of a document.
    closed: u64,
}

impl IndexedWriter {
    /// Begins `PREFIX.bin` and `PREFIX.idx`, whose folder must exist. `format` is a [`Magic`], a [`Dialect`](super::Dialect) or both.
    ///
    /// # Errors
    /// [`Error::Data`] if the dialect lacks the type, [`Error::Io`] if the folder is missing or not writable.
    pub fn create(prefix: impl AsRef<Path>, element: impl Into<ElementType>, format: impl Into<PairFormat>) -> Result<IndexedWriter> {
        let (element, PairFormat { magic, dialect }) = (element.into(), format.into());
        let code = dialect.checked_code(element)?;
        let (bin_path, idx_path) = (with_suffix(prefix.as_ref(), "bin"), with_suffix(prefix.as_ref(), "idx"));
        let bin = AtomicFile::create(&bin_path)?;
        let idx = AtomicFile::create(&idx_path)?;
        let folder = bin.temp_path().parent().unwrap_or(Path::new(".")).to_owned();
        let (lens, docs) = (Spool::create(&folder)?, Spool::create(&folder)?);
        let bin = BufWriter::with_capacity(1 << 18, bin);
        Ok(IndexedWriter { bin, bin_path, idx_path, element, magic, code, idx, lens, docs, n: 0, open: 0, copied: 0, closed: 0 })
    }

    /// Adds an item, or the rest of one that was begun with [`extend`](IndexedWriter::extend): whole tokens, little-endian. An item may be empty.
    ///
    /// # Errors
    /// [`Error::Data`] if the bytes are not whole tokens or more than 2³¹ - 1 of them; [`Error::Io`] if the disk is full.
    pub fn push(&mut self, tokens: &[u8]) -> Result<()> {
        self.extend(tokens)?;
        self.end_item()
    }

    /// Adds tokens to an item that need not be in memory at once: [`end_item`](IndexedWriter::end_item) ends it.
    ///
    /// # Errors
    /// As [`push`](IndexedWriter::push).
    pub fn extend(&mut self, tokens: &[u8]) -> Result<()> {
        let (width, item) = (self.element.width(), self.n);
        let bytes = tokens.len() as u64;
        if !bytes.is_multiple_of(width) {
            return Err(Error::data(
                format_args!("item {item}: {bytes} bytes are not whole tokens of type `{}`", self.element),
                format_args!("give a multiple of {width} bytes"),
            ));
        }
        let open = self.open.saturating_add(bytes / width);
        checked_len(item, open)?;
        self.bin.write_all(tokens).map_err(Error::io("write", &self.bin_path))?;
        self.open = open;
        Ok(())
    }

    /// Ends the item whose tokens were added; without any it is empty.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full.
    pub fn end_item(&mut self) -> Result<()> {
        let len = checked_len(self.n, self.open)?;
        self.lens.push(&len.to_le_bytes())?;
        self.open = 0;
        self.n += 1;
        Ok(())
    }

    /// Adds all items of another pair, in large pieces and without holding them, and the bounds of its documents. An item or document that
    /// is not ended ends before. Bounds that the other pair repeats, as those that DeepSpeed merged do, are written once.
    ///
    /// `progress` is called after each piece with the bytes that were copied in all, and its error stops the work. After an error the writer
    /// holds a part of the other pair, and should be dropped.
    ///
    /// # Errors
    /// [`Error::Dataset`] if the other pair has elements of another type, has modes, or is damaged; [`Error::Io`] if the disk is full; the
    /// first error of `progress`.
    pub fn append(&mut self, pair: &IndexedFile, progress: &dyn Fn(u64) -> Result<()>) -> Result<()> {
        let [bin, idx] = pair.files();
        let found = pair.element_type();
        if found != self.element {
            let problem = format_args!("its elements are `{found}`, and those of the pair that it goes to are `{}`", self.element);
            return Err(Error::dataset(idx.path(), problem, "join pairs of one type; of others make the pair again with this type"));
        }
        if pair.has_modes() {
            let problem = "its items have modes, of Megatron's multimodal datasets, which would be lost";
            return Err(Error::dataset(idx.path(), problem, "join pairs without modes"));
        }
        if self.open > 0 {
            self.end_item()?;
        }
        if self.closed != self.n {
            self.end_document()?;
        }
        self.append_documents(pair)?;
        let mut run = 0..0;
        for i in 0..pair.len() {
            let place = pair.place(i)?;
            let len = checked_len(self.n, (place.end - place.start) / self.element.width())?;
            self.lens.push(&len.to_le_bytes())?;
            self.n += 1;
            if place.start != run.end {
                self.copy(bin, run, progress)?;
                run = place.start..place.start;
            }
            run.end = place.end;
            if run.end - run.start >= PIECE {
                self.copy(bin, run, progress)?;
                run = place.end..place.end;
            }
        }
        self.copy(bin, run, progress)?;
        match self.closed == self.n {
            true => Ok(()),
            false => self.end_document(),
        }
    }

    /// Takes over where documents end.
    fn append_documents(&mut self, pair: &IndexedFile) -> Result<()> {
        let (first, n) = (self.n, pair.len());
        let mut last = 0;
        for (entry, end) in pair.document_index().enumerate() {
            let end = u64::try_from(end).ok().filter(|end| last <= *end && *end <= n).ok_or_else(|| {
                let problem = format_args!("entry {entry} of its document index is {end}, after {last} and with {n} items in all");
                Error::dataset(pair.files()[1].path(), problem, "build the pair again")
            })?;
            last = end;
            if first + end > self.closed {
                self.closed = first + end;
                self.docs.push(&self.closed.to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Copies bytes of a `.bin`.
    fn copy(&mut self, bin: &[u8], run: Range<u64>, progress: &dyn Fn(u64) -> Result<()>) -> Result<()> {
        let mut at = run.start;
        while at < run.end {
            let len = (run.end - at).min(PIECE);
            // A place is looked up only after it was checked against the file.
            self.bin.write_all(bytes_at(bin, at, len).unwrap_or_default()).map_err(Error::io("write", &self.bin_path))?;
            at += len;
            self.copied += len;
            progress(self.copied)?;
        }
        Ok(())
    }

    /// Ends a document: the items since the last call belong to it. Only Megatron's readers look at this; to the datasets of this crate each
    /// item is a document.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full.
    pub fn end_document(&mut self) -> Result<()> {
        self.closed = self.n;
        self.docs.push(&self.n.to_le_bytes())
    }

    /// Puts both files in their places, over older ones if there are any. An item that is not ended ends, and items behind the last end of a
    /// document become one.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full or a rename fails.
    pub fn finish(mut self) -> Result<()> {
        if self.open > 0 {
            self.end_item()?;
        }
        if self.closed != self.n {
            self.end_document()?;
        }
        let IndexedWriter { bin_path, idx_path, element, magic, code, bin, idx, lens, docs, n, .. } = self;
        let mut idx = BufWriter::new(idx);
        let lens = lens.rewind()?;
        let docs = docs.rewind()?;
        lay_out(&mut idx, Head { magic, code, width: element.width(), n }, lens, docs).map_err(Error::io("write", &idx_path))?;
        let bin = bin.into_inner().map_err(|e| Error::io("write", &bin_path)(e.into_error()))?;
        let idx = idx.into_inner().map_err(|e| Error::io("write", &idx_path)(e.into_error()))?;
        bin.commit()?;
        idx.commit()
    }
}

/// Writes the `.idx` of a `PREFIX.bin` that is there already: `lens` are the tokens of its items, in order, and each item is a document.
///
/// For a `.bin` that was written in several goes, where an [`IndexedWriter`] would have to begin again.
///
/// # Errors
/// [`Error::Dataset`] if the items do not fill the `.bin`, [`Error::Data`] if one has more than 2³¹ - 1 tokens or the dialect lacks the type,
/// [`Error::Io`] if the disk is full; the first error of `lens` is passed on.
pub fn write_index(
    prefix: impl AsRef<Path>,
    element: impl Into<ElementType>,
    format: impl Into<PairFormat>,
    lens: impl IntoIterator<Item = Result<u32>>,
) -> Result<()> {
    let (element, PairFormat { magic, dialect }) = (element.into(), format.into());
    let code = dialect.checked_code(element)?;
    let (bin_path, idx_path) = (with_suffix(prefix.as_ref(), "bin"), with_suffix(prefix.as_ref(), "idx"));
    let idx = AtomicFile::create(&idx_path)?;
    let folder = idx.temp_path().parent().unwrap_or(Path::new(".")).to_owned();
    let (mut spool, mut docs) = (Spool::create(&folder)?, Spool::create(&folder)?);
    let (mut n, mut tokens) = (0u64, 0u64);
    for len in lens {
        let len = checked_len(n, u64::from(len?))?;
        spool.push(&len.to_le_bytes())?;
        tokens += u64::from(len.unsigned_abs());
        n += 1;
        docs.push(&n.to_le_bytes())?;
    }
    let bytes = std::fs::metadata(&bin_path).map_err(Error::io("open", &bin_path))?.len();
    if tokens.checked_mul(element.width()) != Some(bytes) {
        let problem = format_args!("it has {bytes} bytes, and {n} items of {tokens} tokens of type `{element}` in all do not fill it");
        return Err(Error::dataset(bin_path, problem, "build the pair again"));
    }
    let mut idx = BufWriter::new(idx);
    lay_out(&mut idx, Head { magic, code, width: element.width(), n }, spool.rewind()?, docs.rewind()?)
        .map_err(Error::io("write", &idx_path))?;
    idx.into_inner().map_err(|e| Error::io("write", &idx_path)(e.into_error()))?.commit()
}

/// The length of an item as the format holds it.
fn checked_len(item: u64, len: u64) -> Result<i32> {
    i32::try_from(len).map_err(|_| {
        let problem = format_args!("item {item}: {len} tokens are more than the {} that the format can hold", i32::MAX);
        Error::data(problem, "split the document")
    })
}

#[cfg(test)]
mod tests {
    use super::{super::TokenType, *};

    #[test]
    fn an_item_in_pieces_is_one_item_and_ends_before_it_is_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let prefix = folder.path().join("p");
        let mut writer = IndexedWriter::create(&prefix, TokenType::U16, Magic::MMap).unwrap();
        writer.extend(&[1, 0]).unwrap();
        writer.extend(&[2, 0, 3, 0]).unwrap();
        writer.end_item().unwrap();
        writer.extend(&[4, 0]).unwrap();
        // As if all these had been written.
        let open = std::mem::replace(&mut writer.open, i32::MAX as u64);
        assert_eq!(
            writer.extend(&[5, 0]).unwrap_err().to_string(),
            "item 1: 2147483648 tokens are more than the 2147483647 that the format can hold; split the document"
        );
        writer.open = open;
        writer.finish().unwrap();
        let file = IndexedFile::open(&prefix).unwrap();
        assert_eq!(file.items(0..2).unwrap().map(|item| item.unwrap().len()).collect::<Vec<_>>(), [6, 2]);
        assert_eq!(file.document_index().collect::<Vec<_>>(), [0, 2]);
    }
}
