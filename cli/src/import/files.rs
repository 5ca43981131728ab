//! Which files there are, in which order, and what they say about a document's domain.

use std::{
    fs::{self, Metadata},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use curricle::{Error, Result};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::{bad_option, bad_source, options::Domain};

/// Bytes of a document at most: the format counts tokens in 31 bits.
pub(super) const MAX_DOCUMENT: u64 = i32::MAX as u64;
/// The domain of text files directly in the source, and of those without an extension.
const NO_FOLDER: &str = ".";
const NO_EXTENSION: &str = "none";

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One document.
    Text,
    /// A document a line.
    Lines(Packing),
    /// A document a row.
    Parquet,
}

/// How lines are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// A file to read.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    /// The path below the source.
    relative: PathBuf,
    pub(super) kind: Kind,
    pub(super) size: u64,
    /// Nanoseconds since 1970, to notice changes between two goes at an import.
    modified: u128,
    /// The domain, where the file decides it.
    pub(super) category: Option<String>,
}

/// What was not taken, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) hidden: u64,
    pub(super) links: u64,
    pub(super) special: u64,
    pub(super) not_included: u64,
}

/// All files to read, in order.
#[derive(Debug)]
pub(super) struct Sources {
    source: PathBuf,
    pub(super) files: Vec<SourceFile>,
    pub(super) passed: Passed,
}

impl Sources {
    /// Lists the files of a source. What the import itself makes, in `out` and beside it, is no source.
    pub(super) fn list(source: &Path, include: &[String], out: &Path) -> Result<Sources> {
        if is_pair(source) {
            let problem = "it is a pair of `.bin` and `.idx`, and so a dataset already";
            return Err(bad_source(source, problem, "use it as it is, or make one of several with `curricle join`"));
        }
        let metadata = fs::metadata(source).map_err(Error::io("open", source))?;
        let mut sources = Sources { source: source.to_owned(), files: Vec::new(), passed: Passed::default() };
        if metadata.is_dir() {
            sources.walk(include, &own_places(source, out))?;
            sources.files.sort_by(|a, b| a.relative.as_os_str().as_encoded_bytes().cmp(b.relative.as_os_str().as_encoded_bytes()));
            sources.check_kinds()?;
            return Ok(sources);
        }
        let kind = kind_of(&lower_name(source));
        if kind == Kind::Text || !metadata.is_file() {
            let problem = "it is neither a folder nor a file of documents";
            return Err(bad_source(source, problem, "give a folder of text files, or a .jsonl, .jsonl.gz, .jsonl.zst or .parquet file"));
        }
        if !include.is_empty() {
            return Err(bad_option("--include", "SOURCE is a single file", "leave it out; it is for folders"));
        }
        let relative = source.file_name().map(PathBuf::from).unwrap_or_default();
        sources.files.push(file(source.to_owned(), relative, kind, &metadata));
        Ok(sources)
    }

    fn walk(&mut self, include: &[String], own: &[PathBuf]) -> Result<()> {
        let include: Vec<String> = include.iter().map(|e| e.trim().trim_start_matches(['*', '.']).to_ascii_lowercase()).collect();
        let mut entries = WalkDir::new(&self.source).into_iter();
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|e| {
                let path = e.path().unwrap_or(&self.source).to_owned();
                Error::io("read", path)(e.into())
            })?;
            let relative = entry.path().strip_prefix(&self.source).unwrap_or(entry.path());
            if entry.depth() == 0 {
                continue;
            }
            let kind = entry.file_type();
            let ours = own.iter().any(|place| place == relative);
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if ours || hidden {
                self.passed.hidden += u64::from(hidden);
                if kind.is_dir() {
                    entries.skip_current_dir();
                }
                continue;
            }
            if kind.is_dir() {
                continue;
            }
            let name = lower_name(entry.path());
            if kind.is_symlink() {
                self.passed.links += 1;
            } else if !kind.is_file() {
                self.passed.special += 1;
            } else if !include.is_empty() && !include.iter().any(|extension| is_of(&name, extension)) {
                self.passed.not_included += 1;
            } else {
                let metadata = entry.metadata().map_err(|e| Error::io("open", entry.path())(e.into()))?;
                let relative = relative.to_owned();
                let path = entry.into_path();
                self.files.push(file(path, relative, kind_of(&name), &metadata));
            }
        }
        Ok(())
    }

    /// Text files and files of documents in one folder are more likely a mistake than a wish.
    fn check_kinds(&self) -> Result<()> {
        let of = |text: bool| self.files.iter().find(|f| (f.kind == Kind::Text) == text);
        if let (Some(text), Some(records)) = (of(true), of(false)) {
            let problem = format_args!(
                "it has text files (`{}`) beside files of documents (`{}`)",
                text.relative.display(),
                records.relative.display()
            );
            return Err(bad_source(&self.source, problem, "say with `--include` which extensions to take"));
        }
        match self.files.iter().find(|f| f.kind == Kind::Text && f.size > MAX_DOCUMENT) {
            Some(large) => {
                let problem = format_args!("it has {} bytes, and a document has at most {MAX_DOCUMENT}", large.size);
                Err(bad_source(&large.path, problem, "split the file, or leave it out with `--include`"))
            }
            None => Ok(()),
        }
    }

    /// Whether documents are lines or rows, and have fields.
    pub(super) fn are_records(&self) -> bool {
        self.files.iter().any(|f| f.kind != Kind::Text)
    }

    /// Decides on the domain and gives the files theirs.
    pub(super) fn assign_domains(&mut self, wanted: Option<&Domain>) -> Result<Domain> {
        let records = self.are_records();
        let domain = match wanted {
            Some(Domain::Extension) if records => {
                let problem = "`extension` is for text files, and SOURCE has files of documents";
                return Err(bad_option("--domain", problem, "use `folder`, `field:NAME` or `none`"));
            }
            Some(Domain::Field(_)) if !records && !self.files.is_empty() => {
                return Err(bad_option("--domain", "text files have no fields", "use `folder`, `extension` or `none`"));
            }
            Some(domain) => domain.clone(),
            None if records && self.files.len() > 1 => Domain::Folder,
            None if records => Domain::None,
            None if self.files.iter().any(|f| f.relative.components().count() > 1) => Domain::Folder,
            None => Domain::Extension,
        };
        for file in &mut self.files {
            file.category = match domain {
                Domain::Folder if records => Some(stem(&file.relative)),
                Domain::Folder => Some(first_folder(&file.relative)),
                Domain::Extension => Some(extension(&file.relative)),
                Domain::Field(_) | Domain::None => None,
            };
        }
        Ok(domain)
    }

    /// Bytes to read, for a progress bar.
    pub(super) fn size(&self, max: Option<u64>) -> u64 {
        let all = self.files.iter().map(|f| f.size).fold(0, u64::saturating_add);
        max.filter(|_| !self.are_records()).map_or(all, |max| max.min(all))
    }

    /// Identity of the list: names, sizes and times of change.
    pub(super) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for file in &self.files {
            let name = file.relative.as_os_str().as_encoded_bytes();
            hasher.update((name.len() as u64).to_le_bytes());
            hasher.update(name);
            hasher.update(file.size.to_le_bytes());
            hasher.update(file.modified.to_le_bytes());
        }
        curricle::hex(&hasher.finalize())
    }
}

fn file(path: PathBuf, relative: PathBuf, kind: Kind, metadata: &Metadata) -> SourceFile {
    let modified = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos());
    SourceFile { path, relative, kind, size: metadata.len(), modified, category: None }
}

/// Whether this is the prefix of a `.bin`/`.idx` pair, or one of its files.
fn is_pair(source: &Path) -> bool {
    let prefix = match source.extension().and_then(|extension| extension.to_str()) {
        Some("bin" | "idx") => source.with_extension(""),
        _ => source.to_owned(),
    };
    ["bin", "idx"].iter().all(|extension| {
        let mut name = prefix.as_os_str().to_owned();
        name.push(".");
        name.push(extension);
        Path::new(&name).is_file()
    }) && !source.is_dir()
}

/// Where the import writes, seen from the source.
fn own_places(source: &Path, out: &Path) -> Vec<PathBuf> {
    let folder = match out.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let (Ok(source), Ok(folder), Some(name)) = (source.canonicalize(), folder.canonicalize(), out.file_name()) else {
        return Vec::new();
    };
    let out = folder.join(name);
    let places = [super::partial_of(&out), out];
    places.iter().filter_map(|place| place.strip_prefix(&source).ok().map(Path::to_owned)).collect()
}

fn lower_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn kind_of(lower_name: &str) -> Kind {
    let ends = |ends: &[&str]| ends.iter().any(|end| lower_name.ends_with(end));
    if ends(&[".jsonl", ".ndjson"]) {
        Kind::Lines(Packing::Plain)
    } else if ends(&[".jsonl.gz", ".ndjson.gz", ".json.gz"]) {
        Kind::Lines(Packing::Gzip)
    } else if ends(&[".jsonl.zst", ".ndjson.zst", ".json.zst"]) {
        Kind::Lines(Packing::Zstd)
    } else if ends(&[".parquet"]) {
        Kind::Parquet
    } else {
        Kind::Text
    }
}

/// Whether a file has this extension; `jsonl` counts for `x.jsonl.gz` too.
fn is_of(lower_name: &str, extension: &str) -> bool {
    let has = |name: &str| name.strip_suffix(extension).is_some_and(|rest| rest.ends_with('.'));
    has(lower_name) || (matches!(kind_of(lower_name), Kind::Lines(_)) && lower_name.rsplit_once('.').is_some_and(|(base, _)| has(base)))
}

/// The name of a file of documents, without what says that it is one.
fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let ends = [".gz", ".zst", ".jsonl", ".ndjson", ".json", ".parquet"];
    let mut stem = name.as_str();
    for end in ends {
        let at = stem.len().saturating_sub(end.len());
        if let Some((rest, tail)) = stem.split_at_checked(at)
            && tail.eq_ignore_ascii_case(end)
        {
            stem = rest;
        }
    }
    stem.to_owned()
}

fn first_folder(path: &Path) -> String {
    let mut components = path.components();
    match (components.next(), components.next()) {
        (Some(folder), Some(_)) => folder.as_os_str().to_string_lossy().into_owned(),
        _ => NO_FOLDER.to_owned(),
    }
}

fn extension(path: &Path) -> String {
    path.extension().map_or_else(|| NO_EXTENSION.to_owned(), |e| e.to_string_lossy().to_lowercase())
}
