//! Where are the bytes? Tokens in memory-mapped files, read in place.
//!
//! [`Dataset`] opens what trainers and tokenizers leave behind: Megatron's `.bin`/`.idx`, numpy arrays, files of nothing but tokens, Arrow
//! and Parquet. A [`View`] makes samples of the tokens, and the id of a sample is its position in the view. [`IndexedFile`] and
//! [`IndexedWriter`] are for `.bin`/`.idx` pairs of any content.
//!
//! Files must not be shortened or overwritten while they are open: replace them by renaming another one, as everything in this crate
//! does. Compressed Arrow and Parquet cannot be read in place; they are unpacked once, into `unpacked/` of the cache folder
//! (`$CURRICLE_CACHE`, else `$XDG_CACHE_HOME/curricle`, else `~/.cache/curricle`), at a place that depends on their content.

mod view;
mod tokens;
mod mmap;
mod indexed;
mod writer;
mod npy;
mod flat;
mod arrow;
mod unpack;
mod fingerprint;
mod seal;
mod source;
mod open;
mod verify;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::source::Source;
pub use self::{
    fingerprint::Fingerprint,
    indexed::{Dialect, ElementType, IndexedFile, Magic, PairFormat},
    tokens::{TokenType, Tokens},
    view::View,
    writer::{IndexedWriter, write_index},
};
pub(crate) use self::{
    indexed::with_suffix,
    mmap::prefetch,
    tokens::{decode, first_outside},
};
use crate::{Error, Result};

/// What kind of file a dataset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A `.bin`/`.idx` pair of Megatron-LM, DeepSpeed or fairseq. Documents are its items.
    Indexed,
    /// A numpy array of integers. Two-dimensional ones have a document a row.
    Npy,
    /// Tokens and nothing else, little-endian.
    Raw,
    /// An Arrow IPC file (also called Feather) or stream, such as Hugging Face `datasets` keeps. Documents are the rows of a list column.
    Arrow,
    /// A Parquet file. Documents are the rows of a list column.
    Parquet,
}

impl Format {
    /// The name in messages and options.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Indexed => "indexed",
            Format::Npy => "npy",
            Format::Raw => "raw",
            Format::Arrow => "arrow",
            Format::Parquet => "parquet",
        }
    }
}

/// How to open a dataset. The default takes the format from the file and documents as samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The kind of file; by default what its first bytes say, then what its extension says.
    pub format: Option<Format>,
    /// How samples are cut out.
    pub view: View,
    /// What tokens are made of. Needed for files without a header; settles an ambiguous type code of an `.idx`; anywhere else it is only
    /// compared.
    pub token_type: Option<TokenType>,
    /// The list column of an Arrow or Parquet file; by default the only one that there is.
    pub column: Option<String>,
    /// Of a one-dimensional file of tokens: the token that ends each document, to which it belongs. At the start the file is read once to
    /// find them all. Files of other formats say themselves where documents end, and refuse it.
    pub document_end: Option<u64>,
    /// Number of tokens in the vocabulary; by default what `dataset.json` of an imported folder says.
    pub vocab_size: Option<u64>,
}

/// A dataset under a view: samples by id, in place. Cheap to clone, and to be shared among threads.
#[derive(Clone)]
pub struct Dataset(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Of tokens that lie in the cache, what they were when they were put there.
    sealed: Option<seal::Sealed>,
    columns_dir: PathBuf,
    format: Format,
    source: Source,
    view: View,
    token_type: TokenType,
    vocab_size: Option<u64>,
    fingerprint: Fingerprint,
    len: u64,
    n_tokens: u64,
}

impl Dataset {
    /// Opens a dataset, with documents as samples. As [`open_with`](Dataset::open_with) with default options.
    ///
    /// # Errors
    /// As [`open_with`](Dataset::open_with).
    pub fn open(path: impl AsRef<Path>) -> Result<Dataset> {
        Dataset::open_with(path, &Options::default())
    }

    /// Opens a dataset.
    ///
    /// `path` is a folder made by `curricle import`; the prefix of a `.bin`/`.idx` pair or either file; or a `.npy`, Arrow, Parquet or
    /// headerless file. The time it takes does not depend on the size of the dataset, with two exceptions: documents that end with a token
    /// have to be found, and compressed files have to be unpacked the first time.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read. [`Error::Dataset`] if it is damaged, foreign, holds no tokens, or does not fit the options.
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Dataset> {
        open::open(path.as_ref(), options, None)
    }

    /// Number of samples; at least 1.
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// Never true: a dataset without samples cannot be opened.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// Number of tokens in the files, whatever the view makes of them.
    pub fn n_tokens(&self) -> u64 {
        self.0.n_tokens
    }

    /// Number of tokens of a sample. O(1); O(log n) in the number of record batches of an Arrow file.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no such sample, [`Error::Dataset`] if the files are damaged where they tell its length.
    pub fn sample_len(&self, id: u64) -> Result<u32> {
        self.check(id)?;
        match self.fixed_len() {
            Some(length) => Ok(length),
            None => self.0.source.document_len(id).and_then(|len| self.narrow(id, len)),
        }
    }

    /// Appends the lengths of many samples, in order, at a few nanoseconds each. After an error `out` holds some of them.
    ///
    /// # Errors
    /// As [`sample_len`](Dataset::sample_len), for the first sample that has one.
    pub fn sample_lens(&self, ids: &[u64], out: &mut Vec<u32>) -> Result<()> {
        if let Some(id) = ids.iter().find(|id| **id >= self.0.len) {
            return self.check(*id);
        }
        match self.fixed_len() {
            Some(length) => out.resize(out.len() + ids.len(), length),
            None => self.0.source.document_lens(ids, out)?,
        }
        Ok(())
    }

    /// Tokens that every sample has, in a view of sequences.
    pub fn fixed_len(&self) -> Option<u32> {
        match self.0.view {
            View::Documents => None,
            View::Sequences { length, .. } => Some(length),
        }
    }

    /// The tokens of a sample: in place, or a copy where a sequence reaches over record batches of an Arrow file.
    ///
    /// # Errors
    /// As [`sample_len`](Dataset::sample_len), and [`Error::Dataset`] if the sample does not lie within the file.
    pub fn sample(&self, id: u64) -> Result<Tokens<'_>> {
        self.check(id)?;
        let bytes = match self.0.view {
            View::Documents => Cow::Borrowed(self.0.source.document(id)?),
            View::Sequences { length, stride } => {
                let bytes = id.checked_mul(u64::from(stride)).and_then(|start| self.0.source.range(start, u64::from(length)));
                bytes.ok_or_else(|| Error::dataset(&self.0.path, format_args!("sample {id} lies outside of the file"), "open it again"))?
            }
        };
        Ok(Tokens::new(self.0.token_type, bytes))
    }

    /// The tokens of each of these samples, in order: as [`sample`](Dataset::sample), but the places of many samples are looked up at a time.
    ///
    /// # Errors
    /// As [`sample`](Dataset::sample), for the first sample that has one.
    pub fn samples(&self, ids: &[u64]) -> Result<Vec<Tokens<'_>>> {
        const AHEAD: usize = 16;
        let mut samples = Vec::with_capacity(ids.len());
        for (i, &id) in ids.iter().enumerate() {
            if let (Some(&next), Source::Indexed(file, _), View::Documents) = (ids.get(i + AHEAD), &self.0.source, self.0.view) {
                file.prefetch(next);
            }
            samples.push(self.sample(id)?);
        }
        Ok(samples)
    }

    /// The tokens of consecutive samples laid end to end, given their lengths: in place where they lie so in the file, else a copy.
    ///
    /// # Errors
    /// As [`sample`](Dataset::sample), for the first sample that has one.
    pub(crate) fn consecutive(&self, ids: Range<u64>, lens: &[u32]) -> Result<Cow<'_, [u8]>> {
        let n_tokens: u64 = lens.iter().map(|len| u64::from(*len)).sum();
        let whole = match self.0.view {
            View::Documents => self.0.source.adjoining(ids.clone(), lens, n_tokens).map(Cow::Borrowed),
            View::Sequences { length, stride } if length == stride => {
                ids.start.checked_mul(u64::from(stride)).and_then(|start| self.0.source.range(start, n_tokens))
            }
            View::Sequences { .. } => None,
        };
        if let Some(whole) = whole {
            return Ok(whole);
        }
        // Room is made for what lies in the file, which a damaged file's lengths may exceed beyond all memory.
        let samples = ids.map(|id| self.sample(id)).collect::<Result<Vec<_>>>()?;
        let mut bytes = Vec::with_capacity(samples.iter().map(|sample| sample.bytes().len()).sum());
        samples.iter().for_each(|sample| bytes.extend_from_slice(sample.bytes()));
        Ok(Cow::Owned(bytes))
    }

    /// What tokens are made of.
    pub fn token_type(&self) -> TokenType {
        self.0.token_type
    }

    /// The kind of file.
    pub fn format(&self) -> Format {
        self.0.format
    }

    /// How samples are cut out.
    pub fn view(&self) -> View {
        self.0.view
    }

    /// The path that it was opened with.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Number of tokens in the vocabulary, if somebody said it.
    pub fn vocab_size(&self) -> Option<u64> {
        self.0.vocab_size
    }

    /// Identity of the content and the view.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// The folder for the columns of this dataset, which need not exist: `columns` in a folder made by `curricle import`, else beside the
    /// file, `PATH.columns`. Of a `.bin`/`.idx` pair the path is the prefix.
    pub fn columns_dir(&self) -> PathBuf {
        self.0.columns_dir.clone()
    }

    /// Tells the system that samples will be read in random order, so that it does not read ahead in vain. For training from data that
    /// does not fit into memory; not for reading everything once.
    pub fn advise_random(&self) {
        self.0.source.files().into_iter().for_each(|file| file.advise_random(true));
    }

    /// Reads everything, on all threads: whether all items lie in order and inside of the file, and all tokens within the vocabulary (or
    /// at least are not negative, where its size is not known). `progress` is called now and then, on the calling thread, with the number
    /// of samples done. Of a file that was unpacked into the cache, the copy is compared with its checksum first.
    ///
    /// # Errors
    /// [`Error::Dataset`] that names the first item or sample at fault.
    pub fn verify(&self, progress: &dyn Fn(u64)) -> Result<()> {
        verify::verify(&self.0, progress)
    }

    fn check(&self, id: u64) -> Result<()> {
        match id < self.0.len {
            true => Ok(()),
            false => {
                let problem = format_args!("dataset `{}` has no sample {id}, only {}", self.0.path.display(), self.0.len);
                Err(Error::data(problem, "ids run from 0 to the number of samples, exclusive"))
            }
        }
    }

    fn narrow(&self, id: u64, len: u64) -> Result<u32> {
        u32::try_from(len).map_err(|_| {
            let problem = format_args!("sample {id} has {len} tokens, more than 4 294 967 295");
            Error::dataset(&self.0.path, problem, "view the dataset as sequences")
        })
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { path, format, view, token_type, len, n_tokens, fingerprint, .. } = &*self.0;
        f.debug_struct("Dataset")
            .field("path", path)
            .field("format", format)
            .field("view", view)
            .field("token_type", token_type)
            .field("len", len)
            .field("n_tokens", n_tokens)
            .field("fingerprint", fingerprint)
            .finish()
    }
}
