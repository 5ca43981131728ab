//! Writing `.bin`/`.idx` pairs, item by item, in constant memory.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

use super::{
    TokenType,
    indexed::{MMAP_MAGIC, Magic, TNTIDX_MAGIC, code_of, with_suffix},
};
use crate::{Error, Result, atomic::AtomicFile};

/// Writes a `.bin`/`.idx` pair.
///
/// Both files appear when [`finish`](IndexedWriter::finish) is called, the `.bin` first; dropped before, the writer leaves nothing behind.
/// Lengths wait in an unnamed temporary file beside the pair, so memory does not grow with the number of items.
///
/// Types that the programs number differently are written as Megatron-LM and DeepSpeed before 0.13.3 do: `uint16` is 8, and `uint32`
/// (9) and `uint64` (10) are known to the latter alone. For the widest audience use `uint16` or `int32`.
#[derive(Debug)]
pub struct IndexedWriter {
    bin_path: PathBuf,
    idx_path: PathBuf,
    token_type: TokenType,
    magic: Magic,
    bin: BufWriter<AtomicFile>,
    idx: AtomicFile,
    /// i32 a length.
    lens: Spool,
    /// i64 an entry of the document index, the leading 0 left out.
    docs: Spool,
    n: u64,
    /// Items in front of the last end of a document.
    closed: u64,
}

impl IndexedWriter {
    /// Begins `PREFIX.bin` and `PREFIX.idx`, whose folder must exist.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder is missing or not writable.
    pub fn create(prefix: impl AsRef<Path>, token_type: TokenType, magic: Magic) -> Result<IndexedWriter> {
        let (bin_path, idx_path) = (with_suffix(prefix.as_ref(), "bin"), with_suffix(prefix.as_ref(), "idx"));
        let bin = AtomicFile::create(&bin_path)?;
        let idx = AtomicFile::create(&idx_path)?;
        let folder = bin.temp_path().parent().unwrap_or(Path::new(".")).to_owned();
        let (lens, docs) = (Spool::create(&folder)?, Spool::create(&folder)?);
        Ok(IndexedWriter {
            bin: BufWriter::with_capacity(1 << 18, bin),
            bin_path,
            idx_path,
            token_type,
            magic,
            idx,
            lens,
            docs,
            n: 0,
            closed: 0,
        })
    }

    /// Adds an item: whole tokens, little-endian. An item may be empty.
    ///
    /// # Errors
    /// [`Error::Data`] if the bytes are not whole tokens or more than 2³¹ - 1 of them; [`Error::Io`] if the disk is full.
    pub fn push(&mut self, tokens: &[u8]) -> Result<()> {
        let (width, item) = (self.token_type.width(), self.n);
        if !tokens.len().is_multiple_of(width) {
            return Err(Error::data(
                format_args!("item {item}: {} bytes are not whole tokens of type `{}`", tokens.len(), self.token_type),
                format_args!("give a multiple of {width} bytes"),
            ));
        }
        let len = checked_len(item, tokens.len() / width)?;
        self.bin.write_all(tokens).map_err(Error::io("write", &self.bin_path))?;
        self.lens.push(&len.to_le_bytes())?;
        self.n += 1;
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

    /// Puts both files in their places, over older ones if there are any. Items behind the last end of a document become one.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full or a rename fails.
    pub fn finish(mut self) -> Result<()> {
        if self.closed != self.n {
            self.end_document()?;
        }
        let IndexedWriter { bin_path, idx_path, token_type, magic, bin, idx, lens, docs, n, .. } = self;
        let mut idx = BufWriter::new(idx);
        let lens = lens.rewind()?;
        let docs = docs.rewind()?;
        lay_out(&mut idx, token_type, magic, n, lens, docs).map_err(Error::io("write", &idx_path))?;
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
/// [`Error::Dataset`] if the items do not fill the `.bin`, [`Error::Data`] if one has more than 2³¹ - 1 tokens, [`Error::Io`] if the disk is
/// full; the first error of `lens` is passed on.
pub fn write_index(
    prefix: impl AsRef<Path>,
    token_type: TokenType,
    magic: Magic,
    lens: impl IntoIterator<Item = Result<u32>>,
) -> Result<()> {
    let (bin_path, idx_path) = (with_suffix(prefix.as_ref(), "bin"), with_suffix(prefix.as_ref(), "idx"));
    let idx = AtomicFile::create(&idx_path)?;
    let folder = idx.temp_path().parent().unwrap_or(Path::new(".")).to_owned();
    let (mut spool, mut docs) = (Spool::create(&folder)?, Spool::create(&folder)?);
    let (mut n, mut tokens) = (0u64, 0u64);
    for len in lens {
        let len = checked_len(n, len? as usize)?;
        spool.push(&len.to_le_bytes())?;
        tokens += u64::from(len.unsigned_abs());
        n += 1;
        docs.push(&n.to_le_bytes())?;
    }
    let bytes = std::fs::metadata(&bin_path).map_err(Error::io("open", &bin_path))?.len();
    if tokens.checked_mul(token_type.width() as u64) != Some(bytes) {
        let problem = format_args!("it has {bytes} bytes, and {n} items of {tokens} tokens of type `{token_type}` in all do not fill it");
        return Err(Error::dataset(bin_path, problem, "build the pair again"));
    }
    let mut idx = BufWriter::new(idx);
    lay_out(&mut idx, token_type, magic, n, spool.rewind()?, docs.rewind()?).map_err(Error::io("write", &idx_path))?;
    idx.into_inner().map_err(|e| Error::io("write", &idx_path)(e.into_error()))?.commit()
}

/// The length of an item as the format holds it.
fn checked_len(item: u64, len: usize) -> Result<i32> {
    i32::try_from(len).map_err(|_| {
        let problem = format_args!("item {item}: {len} tokens are more than the {} that the format can hold", i32::MAX);
        Error::data(problem, "split the document")
    })
}

/// The layouts are described in [`super::indexed`].
fn lay_out(out: &mut impl Write, token_type: TokenType, magic: Magic, n: u64, mut lens: Records, mut docs: Records) -> io::Result<()> {
    let width = token_type.width() as u64;
    let d = docs.bytes / 8 + 1;
    let code = code_of(token_type);
    if magic == Magic::MMap {
        out.write_all(MMAP_MAGIC)?;
        out.write_all(&1u64.to_le_bytes())?;
        out.write_all(&[code])?;
        out.write_all(&n.to_le_bytes())?;
        out.write_all(&d.to_le_bytes())?;
        lens.each::<4>(|len| out.write_all(&len))?;
        let mut at = 0u64;
        lens.each::<4>(|len| {
            out.write_all(&at.to_le_bytes())?;
            at += u64::from(u32::from_le_bytes(len)) * width;
            Ok(())
        })?;
    } else {
        out.write_all(TNTIDX_MAGIC)?;
        for number in [1, u64::from(code), width, n, n, d] {
            out.write_all(&number.to_le_bytes())?;
        }
        // Every item has one dimension.
        for i in 0..=n {
            out.write_all(&i.to_le_bytes())?;
        }
        let mut at = 0u64;
        out.write_all(&at.to_le_bytes())?;
        lens.each::<4>(|len| {
            at += u64::from(u32::from_le_bytes(len));
            out.write_all(&at.to_le_bytes())
        })?;
        lens.each::<4>(|len| out.write_all(&u64::from(u32::from_le_bytes(len)).to_le_bytes()))?;
    }
    out.write_all(&0u64.to_le_bytes())?;
    docs.each::<8>(|doc| out.write_all(&doc))
}

/// Numbers that have to wait for the end: an unnamed file, which the system removes whatever happens.
#[derive(Debug)]
struct Spool {
    folder: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

impl Spool {
    fn create(folder: &Path) -> Result<Spool> {
        let file = tempfile::tempfile_in(folder).map_err(Error::io("create a file in", folder))?;
        Ok(Spool { folder: folder.to_owned(), file: BufWriter::new(file), bytes: 0 })
    }

    fn push(&mut self, number: &[u8]) -> Result<()> {
        self.bytes += number.len() as u64;
        self.file.write_all(number).map_err(Error::io("write to a file in", &self.folder))
    }

    fn rewind(self) -> Result<Records> {
        let Spool { folder, file, bytes } = self;
        let file = file.into_inner().map_err(|e| Error::io("write to a file in", &folder)(e.into_error()))?;
        Ok(Records { file: BufReader::new(file), bytes })
    }
}

/// The numbers of a [`Spool`], to be read any number of times.
struct Records {
    file: BufReader<File>,
    bytes: u64,
}

impl Records {
    fn each<const WIDTH: usize>(&mut self, mut f: impl FnMut([u8; WIDTH]) -> io::Result<()>) -> io::Result<()> {
        self.file.rewind()?;
        for _ in 0..self.bytes / WIDTH as u64 {
            let mut number = [0; WIDTH];
            self.file.read_exact(&mut number)?;
            f(number)?;
        }
        Ok(())
    }
}
