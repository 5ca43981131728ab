//! From a path to a dataset: what it is, and whether it fits what was asked.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    Dataset, ElementType, Format, IndexedFile, Inner, Options, View,
    arrow::ArrowTokens,
    fingerprint::Hasher,
    flat::Flat,
    indexed::{MMAP_MAGIC, TNTIDX_MAGIC, prefix_of, with_suffix},
    mmap::Mapped,
    npy,
    seal::Sealed,
    source::Source,
    unpack::unpack,
    view::n_sequences,
};
use crate::{Error, Result, cache_dir::cache_dir, regular::open_regular};

/// Version of `dataset.json` that is known.
const MANIFEST_VERSION: u32 = 1;
/// Bytes of a `dataset.json` that are read: many times what a command line can make it say.
const MAX_MANIFEST: u64 = 16 << 20;

/// What `curricle import` says of a folder; keys that only others read are passed over.
#[derive(Deserialize)]
struct Manifest {
    format: String,
    version: u32,
    vocab_size: Option<u64>,
}

/// A path understood.
struct Place {
    format: Format,
    /// The file, or the prefix of the pair.
    path: PathBuf,
    columns_dir: PathBuf,
    vocab_size: Option<u64>,
}

/// Opens a dataset; `cache` takes the place of the user's cache folder.
pub(super) fn open(path: &Path, options: &Options, cache: Option<&Path>) -> Result<Dataset> {
    let place = find(path, options)?;
    let mut hasher = Hasher::new();
    hasher.text(place.format.name());
    let mut sealed = None;
    let source = open_source(&place, options, cache, &mut hasher, &mut sealed)?;
    let token_type = source.token_type();
    if let Some(wanted) = options.token_type.filter(|wanted| *wanted != token_type) {
        let problem = format_args!("its tokens are of type `{token_type}`, and not `{wanted}` as the options say");
        return Err(Error::dataset(path, problem, "correct the token type or leave it out"));
    }
    let n_tokens = source.n_tokens();
    let len = count(path, &source, options.view)?;
    hasher.text(token_type.name());
    hasher.number(n_tokens);
    match options.view {
        View::Documents => hasher.text("documents"),
        View::Sequences { length, stride } => {
            hasher.text("sequences");
            hasher.number(u64::from(length));
            hasher.number(u64::from(stride));
        }
    }
    Ok(Dataset(std::sync::Arc::new(Inner {
        path: path.to_owned(),
        sealed,
        columns_dir: place.columns_dir,
        format: place.format,
        source,
        view: options.view,
        token_type,
        vocab_size: options.vocab_size.or(place.vocab_size),
        fingerprint: hasher.finish(),
        len,
        n_tokens,
    })))
}

/// Number of samples, or why there is none.
fn count(path: &Path, source: &Source, view: View) -> Result<u64> {
    let n_tokens = source.n_tokens();
    let refuse = |problem: String, remedy: &str| Err(Error::dataset(path, problem, remedy));
    match view {
        View::Documents => match source.n_documents()? {
            0 => refuse("it holds no documents".into(), "give a dataset with at least one"),
            n => Ok(n),
        },
        View::Sequences { length: 0, .. } | View::Sequences { stride: 0, .. } => {
            refuse("sequences of length or stride 0 are none".into(), "give a length and a stride of at least 1")
        }
        View::Sequences { length, stride } => {
            if let Source::Indexed(file, _) = source
                && file.first_offset() != 0
            {
                return refuse("its items are not its `.bin` from end to end".into(), "view it as documents, or write it again");
            }
            match n_sequences(n_tokens, length, stride) {
                0 => refuse(format!("it holds {n_tokens} tokens, fewer than a sequence of {length}"), "give a shorter length or more data"),
                n => Ok(n),
            }
        }
    }
}

/// Opens the tokens; of those that had to be unpacked into the cache also what they were when they were put there.
fn open_source(place: &Place, options: &Options, cache: Option<&Path>, hasher: &mut Hasher, sealed: &mut Option<Sealed>) -> Result<Source> {
    let path = &place.path;
    let column = options.column.as_deref();
    if let (Some(column), Format::Indexed | Format::Npy | Format::Raw) = (column, place.format) {
        let problem =
            format_args!("column `{}` was asked for, and a file of format `{}` has none", column.escape_debug(), place.format.name());
        return Err(Error::dataset(path, problem, "leave out the column"));
    }
    if let (Some(_), Format::Indexed | Format::Arrow | Format::Parquet) = (options.document_end, place.format) {
        let problem =
            format_args!("a document end was given, and a file of format `{}` says itself where documents end", place.format.name());
        return Err(Error::dataset(path, problem, "leave out the document end"));
    }
    let flat = |flat: Result<Flat>, hasher: &mut Hasher| {
        let mut flat = flat?;
        hasher.file(flat.file());
        if let (Some(end), View::Documents) = (options.document_end, options.view) {
            flat.find_documents(end)?;
            hasher.number(end);
        }
        Ok(Source::Flat(flat))
    };
    match place.format {
        Format::Indexed => {
            let file = match options.token_type {
                Some(wanted) => IndexedFile::open_as(path, ElementType::Int(wanted))?,
                None => IndexedFile::open(path)?,
            };
            file.files().into_iter().for_each(|f| hasher.file(f));
            tokens_of(file)
        }
        Format::Npy => flat(Flat::open_npy(path), hasher),
        Format::Raw => match options.token_type {
            Some(token_type) => flat(Flat::open_raw(path, token_type), hasher),
            None => Err(untyped(path)),
        },
        Format::Arrow | Format::Parquet => {
            let (mapped, found) = match place.format {
                Format::Arrow => match ArrowTokens::open(path, column)? {
                    Some(tokens) => {
                        hasher.file(tokens.file());
                        hasher.text(&tokens.column().name);
                        return Ok(Source::Arrow(tokens));
                    }
                    None => (Mapped::open(path)?, Format::Arrow),
                },
                other => (Mapped::open(path)?, other),
            };
            let unpacked = match cache {
                Some(cache) => unpack(&mapped, found, column, cache)?,
                None => unpack(&mapped, found, column, &cache_dir()?)?,
            };
            hasher.file(&mapped);
            hasher.text(&unpacked.column);
            *sealed = Some(unpacked.sealed);
            tokens_of(IndexedFile::open_as(&unpacked.prefix, ElementType::Int(unpacked.token_type))?)
        }
    }
}

fn tokens_of(file: IndexedFile) -> Result<Source> {
    match file.element_type() {
        ElementType::Int(token_type) => Ok(Source::Indexed(file, token_type)),
        float => {
            let [_, idx] = file.files();
            Err(Error::dataset(idx.path(), format_args!("its elements are `{float}`, and tokens are integers"), "give a dataset of tokens"))
        }
    }
}

/// What a path leads to.
fn find(path: &Path, options: &Options) -> Result<Place> {
    if path.is_dir() {
        return find_in_folder(path);
    }
    let place = |format, path: PathBuf| Place { format, columns_dir: with_suffix(&path, "columns"), path, vocab_size: None };
    let indexed = || place(Format::Indexed, prefix_of(path));
    if let Some(format) = options.format {
        return Ok(if format == Format::Indexed { indexed() } else { place(format, path.to_owned()) });
    }
    if !path.exists() {
        let pair = ["idx", "bin"].iter().any(|e| with_suffix(path, e).exists());
        // A missing half of a pair has words of its own.
        let half = matches!(extension(path).as_str(), "idx" | "bin") && prefix_of(path) != path && {
            let prefix = prefix_of(path);
            ["idx", "bin"].iter().any(|e| with_suffix(&prefix, e).exists())
        };
        return match pair || half {
            true => Ok(indexed()),
            false => Err(Error::io("open", path)(std::io::ErrorKind::NotFound.into())),
        };
    }
    let extension = extension(path);
    // The `.bin` of a pair begins with tokens, which may look like anything.
    if extension == "bin" && path.with_extension("idx").exists() {
        return Ok(indexed());
    }
    let mut head = [0; 16];
    let n = read_up_to(&mut open_regular(path)?, &mut head).map_err(Error::io("read", path))?;
    let head = head.get(..n).unwrap_or_default();
    if head.is_empty() {
        return Err(Error::dataset(path, "the file is empty", "give a file with tokens"));
    }
    if head.starts_with(npy::MAGIC) {
        return Ok(place(Format::Npy, path.to_owned()));
    }
    if head.starts_with(b"ARROW1\0\0") {
        return Ok(place(Format::Arrow, path.to_owned()));
    }
    if head.starts_with(b"PAR1") {
        return Ok(place(Format::Parquet, path.to_owned()));
    }
    if head.starts_with(b"FEA1") {
        return Err(Error::dataset(path, "it is of version 1 of the Feather format", "write it again as Arrow IPC or Parquet"));
    }
    if head.starts_with(MMAP_MAGIC) || head.starts_with(TNTIDX_MAGIC) {
        return match extension.as_str() {
            "idx" => Ok(indexed()),
            _ => Err(Error::dataset(
                path,
                "it is the index of a token file under another name",
                "name the pair `PREFIX.bin` and `PREFIX.idx`",
            )),
        };
    }
    match extension.as_str() {
        "idx" => Ok(indexed()),
        "npy" => Ok(place(Format::Npy, path.to_owned())),
        "arrow" | "feather" | "ipc" | "arrows" => Ok(place(Format::Arrow, path.to_owned())),
        "parquet" => Ok(place(Format::Parquet, path.to_owned())),
        _ if options.token_type.is_some() => Ok(place(Format::Raw, path.to_owned())),
        _ => Err(untyped(path)),
    }
}

/// A folder made by `curricle import`.
fn find_in_folder(folder: &Path) -> Result<Place> {
    let manifest = folder.join("dataset.json");
    if !manifest.exists() {
        let problem = "the folder has no `dataset.json`";
        return Err(Error::dataset(folder, problem, "give a folder made by `curricle import`, or the path of a file"));
    }
    let mut text = Vec::new();
    open_regular(&manifest)?.take(MAX_MANIFEST + 1).read_to_end(&mut text).map_err(Error::io("read", &manifest))?;
    if text.len() as u64 > MAX_MANIFEST {
        let problem = format_args!("it has more than {MAX_MANIFEST} bytes, which none of `curricle import` has");
        return Err(Error::dataset(&manifest, problem, "import the dataset again"));
    }
    let found: Manifest = serde_json::from_slice(&text)
        .map_err(|e| Error::dataset(&manifest, format_args!("it cannot be read ({e})"), "import the dataset again"))?;
    if found.format != "curricle-dataset" {
        let problem = format_args!("its format is `{}`, and not `curricle-dataset`", found.format.escape_debug());
        return Err(Error::dataset(&manifest, problem, "give a folder made by `curricle import`"));
    }
    if found.version == 0 || found.version > MANIFEST_VERSION {
        let problem = format_args!("it is of version {}, and this program knows up to {MANIFEST_VERSION}", found.version);
        return Err(Error::dataset(&manifest, problem, "use a later release of curricle"));
    }
    Ok(Place { format: Format::Indexed, path: folder.join("tokens"), columns_dir: folder.join("columns"), vocab_size: found.vocab_size })
}

fn untyped(path: &Path) -> Error {
    let problem = "it is of no known format, and what its tokens are made of was not said";
    Error::dataset(
        path,
        problem,
        "if it is tokens and nothing else, name their type: `token-type = \"uint16\"` in a run file, `--token-type uint16` on the command line",
    )
}

fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut n = 0;
    while let Some(rest) = buffer.get_mut(n..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            read => n += read,
        }
    }
    Ok(n)
}
