//! The dataset in the making, and its birth.
//!
//! `DIR.partial` holds `lock`, `journal.json`, the length and the category code of each document as u32 in `lengths` and `codes`, and the
//! folder `dataset`, which is `DIR` when it is done. Files only grow; the journal says how far they count.

use std::{
    cell::RefCell,
    collections::HashMap,
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use curricle::{
    Error, Result, atomic,
    columns::{Column, Provenance, write_categories},
    dataset::{Dataset, Dialect, TokenType, write_index},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    bad_option, bad_source,
    journal::{Facts, Job, Journal},
    partial_of, place,
    prepare::Prepared,
};

/// A domain is a kind of document; more of them than this are a sign of a field that is something else.
const MAX_CATEGORIES: usize = 1 << 16;
const MAX_NAME: usize = 256;
/// Work that a kill may cost.
const SAVE_EVERY: Duration = Duration::from_secs(5);
/// What there may be in the folder of an import.
const OURS: [&str; 5] = ["lock", "journal.json", "lengths", "codes", "dataset"];

/// What is left to do.
pub(super) enum Opened {
    /// Documents are missing, or the end of the work.
    Output(Box<Output>),
    /// Nothing: an earlier go did all of it.
    Finished(Journal),
}

/// A dataset in the making.
#[derive(Debug)]
pub(super) struct Output {
    out: PathBuf,
    partial: PathBuf,
    token_type: TokenType,
    save_every: u64,
    bin: BufWriter<File>,
    lengths: BufWriter<File>,
    codes: BufWriter<File>,
    categories: HashMap<String, u32>,
    journal: Journal,
    /// Documents and bytes of tokens as of the journal on disk.
    kept: u64,
    unsaved: u64,
    saved_at: Instant,
    /// Held until the end, so that no other import works here.
    _lock: File,
}

impl Output {
    /// Begins a dataset, or goes on with one.
    pub(super) fn open(out: &Path, job: &Job, token_type: TokenType, save_every: u64, force: bool) -> Result<Opened> {
        let partial = partial_of(out);
        if !force && let Some(journal) = finished(out, job) {
            clear(&partial, job);
            return Ok(Opened::Finished(journal));
        }
        check_out(out, &partial, job, force)?;
        fs::create_dir_all(&partial).map_err(Error::io("create", &partial))?;
        check_ours(&partial)?;
        let lock = lock(&partial)?;
        let journal_path = partial.join("journal.json");
        let journal = match Journal::load(&journal_path) {
            Ok(found) => found,
            Err(Error::State { .. }) if force => None,
            Err(error) => return Err(error),
        };
        let dataset = partial.join("dataset");
        let is_in_place = match &journal {
            Some(journal) if journal.finished => place::resume(&dataset, out, &partial, journal.mark)?,
            _ => false,
        };
        let mut journal = match journal {
            Some(journal) if is_in_place && journal.job == *job => {
                discard(&partial)?;
                return Ok(Opened::Finished(journal));
            }
            // Without a document there is nothing that could be lost, and without its tokens there is nothing.
            Some(journal) if journal.documents > 0 && dataset.exists() => match journal.check(job, &partial) {
                Ok(()) => journal,
                Err(_) if force => Journal::new(job),
                Err(error) => return Err(error),
            },
            _ => Journal::new(job),
        };
        // What comes after the last document is made again.
        journal.finished = false;
        tidy(&partial, &OURS)?;
        fs::create_dir_all(&dataset).map_err(Error::io("create", &dataset))?;
        tidy(&dataset, &["tokens.bin"])?;

        let bytes = journal.tokens.saturating_mul(token_type.width() as u64);
        let n_codes = if journal.categories.is_empty() { 0 } else { journal.documents };
        let mut output = Output {
            bin: reopen(&dataset.join("tokens.bin"), bytes)?,
            lengths: reopen(&partial.join("lengths"), journal.documents.saturating_mul(4))?,
            codes: reopen(&partial.join("codes"), n_codes.saturating_mul(4))?,
            categories: journal.categories.iter().zip(0..).map(|((name, _), code)| (name.clone(), code)).collect(),
            out: out.to_owned(),
            partial,
            token_type,
            save_every,
            kept: journal.documents,
            journal,
            unsaved: 0,
            saved_at: Instant::now(),
            _lock: lock,
        };
        output.save()?;
        Ok(Opened::Output(Box::new(output)))
    }

    /// How far it is.
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Documents that a later go would not have to do again.
    pub(super) fn kept(&self) -> u64 {
        self.kept
    }

    /// Appends a document, or skips it if it has no tokens.
    pub(super) fn push(&mut self, document: Prepared<'_>) -> Result<()> {
        self.journal.next = document.next;
        if document.tokens.is_empty() {
            self.journal.empty += 1;
            return Ok(());
        }
        let n = document.tokens.len() / self.token_type.width();
        let length = u32::try_from(n).ok().filter(|n| *n <= i32::MAX as u32).ok_or_else(|| {
            let problem = format_args!("it has {n} tokens, and a document has at most {}", i32::MAX);
            bad_source(document.place.path(), problem, "split the document")
        })?;
        if let Some(name) = &document.category {
            let code = self.code(name, &document)?;
            self.codes.write_all(&code.to_le_bytes()).map_err(Error::io("write", self.partial.join("codes")))?;
        }
        self.bin.write_all(&document.tokens).map_err(Error::io("write", self.partial.join("dataset/tokens.bin")))?;
        self.lengths.write_all(&length.to_le_bytes()).map_err(Error::io("write", self.partial.join("lengths")))?;
        self.journal.documents += 1;
        self.journal.tokens += u64::from(length);
        self.journal.text_bytes += document.text_bytes;
        self.unsaved += document.tokens.len() as u64;
        if self.unsaved >= self.save_every || self.saved_at.elapsed() >= SAVE_EVERY {
            self.save()?;
        }
        Ok(())
    }

    /// The code of a category, and one document more for it.
    fn code(&mut self, name: &str, document: &Prepared<'_>) -> Result<u32> {
        let code = match self.categories.get(name) {
            Some(code) => *code,
            None => {
                let refuse = |problem: String| Err(bad_source(document.place.path(), problem, "choose another `--domain`, or `none`"));
                if name.len() > MAX_NAME {
                    return refuse(format!("its domain has a name of {} bytes, and at most {MAX_NAME} are allowed", name.len()));
                }
                let Some(code) = u32::try_from(self.categories.len()).ok().filter(|code| (*code as usize) < MAX_CATEGORIES) else {
                    return refuse(format!("`{}` is one domain more than the {MAX_CATEGORIES} allowed", name.escape_debug()));
                };
                self.categories.insert(name.to_owned(), code);
                self.journal.categories.push((name.to_owned(), 0));
                code
            }
        };
        if let Some((_, n)) = self.journal.categories.get_mut(code as usize) {
            *n += 1;
        }
        Ok(code)
    }

    /// Makes what was written durable, and then says so in the journal.
    pub(super) fn save(&mut self) -> Result<()> {
        let paths = ["dataset/tokens.bin", "lengths", "codes"].map(|name| self.partial.join(name));
        for (file, path) in [&mut self.bin, &mut self.lengths, &mut self.codes].into_iter().zip(&paths) {
            file.flush().and_then(|()| file.get_ref().sync_data()).map_err(Error::io("write", path))?;
        }
        self.journal.save(&self.partial.join("journal.json"))?;
        (self.kept, self.unsaved, self.saved_at) = (self.journal.documents, 0, Instant::now());
        Ok(())
    }

    /// Completes the dataset and gives it its place.
    pub(super) fn finish(mut self, dialect: Dialect, facts: Map<String, Value>) -> Result<Journal> {
        self.save()?;
        self.complete(dialect, facts)?;
        self.finished()?;
        self.publish()?;
        discard(&self.partial)?;
        Ok(self.journal)
    }

    /// Notes that only the place is missing.
    pub(super) fn finished(&mut self) -> Result<()> {
        self.journal.finished = true;
        self.journal.mark = place::mark(&self.partial.join("dataset"));
        self.save()
    }

    /// Writes what belongs beside the tokens.
    pub(super) fn complete(&self, dialect: Dialect, facts: Map<String, Value>) -> Result<()> {
        let dataset = self.partial.join("dataset");
        write_index(dataset.join("tokens"), self.token_type, dialect, numbers(&self.partial.join("lengths"))?)?;
        let mut manifest = Map::from_iter([
            ("format".to_owned(), json!("curricle-dataset")),
            ("version".to_owned(), json!(1)),
            ("documents".to_owned(), json!(self.journal.documents)),
            ("tokens".to_owned(), json!(self.journal.tokens)),
            ("token_type".to_owned(), json!(self.token_type.name())),
            ("import".to_owned(), json!(self.journal.facts())),
        ]);
        manifest.extend(facts.clone());
        let path = dataset.join("dataset.json");
        let mut text = serde_json::to_vec_pretty(&manifest).map_err(|e| Error::io("write", &path)(e.into()))?;
        text.push(b'\n');
        atomic::write(path, &text)?;
        if !self.journal.categories.is_empty() {
            self.write_domain(&dataset, facts.get("domain"))?;
        }
        atomic::sync_folder(&dataset)
    }

    /// Categories are written in the order of their names.
    fn write_domain(&self, folder: &Path, domain: Option<&Value>) -> Result<()> {
        let dataset = Dataset::open(folder)?;
        let columns = dataset.columns_dir();
        fs::create_dir_all(&columns).map_err(Error::io("create", &columns))?;
        let mut names: Vec<String> = self.journal.categories.iter().map(|(name, _)| name.clone()).collect();
        let mut by_name: Vec<usize> = (0..names.len()).collect();
        by_name.sort_by(|a, b| names.get(*a).cmp(&names.get(*b)));
        let mut places = vec![0u32; names.len()];
        for (place, code) in (0..).zip(by_name) {
            places.get_mut(code).into_iter().for_each(|p| *p = place);
        }
        names.sort();
        let failed = RefCell::new(None);
        let codes = numbers(&self.partial.join("codes"))?.map_while(|code| match code {
            // A code that has no place is no number of a category either, and is refused as such.
            Ok(code) => Some(places.get(code as usize).copied().unwrap_or(u32::MAX)),
            Err(error) => {
                failed.replace(Some(error));
                None
            }
        });
        let mut provenance = Provenance::of(dataset.fingerprint().to_string(), dataset.len());
        provenance.config = json!({ "domain": domain });
        let written = write_categories(columns.join("domain.arrow"), &names, codes, provenance);
        match failed.into_inner() {
            Some(error) => Err(error),
            None => written.map(|_| ()).and_then(|()| atomic::sync_folder(&columns)),
        }
    }

    /// Gives the dataset its place, and an older one that of its own beside the journal.
    pub(super) fn publish(&self) -> Result<()> {
        place::publish(&self.partial.join("dataset"), &self.out, &self.partial)
    }

    /// Leaves nothing behind.
    pub(super) fn abandon(self) -> Result<()> {
        remove(&self.partial)
    }
}

/// What the dataset at `out` says of the import that made it.
#[derive(Deserialize)]
struct Manifest {
    documents: u64,
    tokens: u64,
    import: Facts,
}

/// The journal of the import that made the dataset at `out`, if it was this one and the dataset is as it left it.
fn finished(out: &Path, job: &Job) -> Option<Journal> {
    let Manifest { documents, tokens, import } = serde_json::from_str(&atomic::read_text(&out.join("dataset.json")).ok()?).ok()?;
    if !import.are_of(job) {
        return None;
    }
    let dataset = Dataset::open(out).ok().filter(|dataset| (dataset.len(), dataset.n_tokens()) == (documents, tokens))?;
    let domain = dataset.columns_dir().join("domain.arrow");
    let categories = match domain.exists() {
        true => Column::open(domain).ok()?.categories().unwrap_or_default().to_vec(),
        false => Vec::new(),
    };
    Some(Journal::of_finished(job, (documents, tokens), &import, categories))
}

/// Removes what a kill at the very end of an import left beside its dataset. A folder in which another import is, at work or stopped, stays.
fn clear(partial: &Path, job: &Job) {
    let is_over = || {
        let names = names_in(partial).unwrap_or_default();
        let journal = Journal::load(&partial.join("journal.json")).ok().flatten();
        let is_done = journal.is_some_and(|journal| journal.finished && journal.job == *job && !partial.join("dataset").exists());
        names.iter().all(is_ours) && (is_done || names.iter().all(|name| name == "lock"))
    };
    if !partial.is_dir() || !is_over() {
        return;
    }
    if let Err(error) = lock(partial).and_then(|_lock| if is_over() { discard(partial) } else { Ok(()) }) {
        tracing::debug!("what a killed import left stays: {error}");
    }
}

/// Refuses to write over what is there, except for datasets and if that is wished.
fn check_out(out: &Path, partial: &Path, job: &Job, force: bool) -> Result<()> {
    if out.file_name().is_none() {
        return Err(bad_option("--out", format!("`{}` is no name of a folder", out.display()), "name a folder to be made"));
    }
    if !out.exists() {
        return Ok(());
    }
    let finished = Journal::load(&partial.join("journal.json")).ok().flatten().is_some_and(|j| j.finished && j.job == *job);
    if finished && !partial.join("dataset").exists() && !place::is_waiting(partial) {
        return Ok(());
    }
    // All that a kill in `discard` may have left of a finished import; there is none if it fails.
    let _ = fs::remove_dir(partial);
    if !force {
        return Err(bad_option("--out", format!("`{}` exists", out.display()), "name another folder, or replace it with `--force`"));
    }
    let empty = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none());
    match empty || out.join("dataset.json").is_file() {
        true => Ok(()),
        false => {
            let problem = format!("`{}` exists and is no dataset", out.display());
            Err(bad_option("--out", problem, "name another folder; `--force` replaces datasets only"))
        }
    }
}

fn lock(partial: &Path) -> Result<File> {
    let path = partial.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(Error::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let problem = format!("another import is at work in `{}`", partial.display());
            Err(bad_option("--out", problem, "wait for it, stop it, or name another folder"))
        }
        // A file system without locks: the user has to see to it.
        Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// A folder of that name that somebody else made is left alone.
fn check_ours(partial: &Path) -> Result<()> {
    match names_in(partial)?.into_iter().find(|name| !is_ours(name)) {
        Some(name) => {
            let problem = format!("`{}` is no folder of an import: it holds `{}`", partial.display(), name.display());
            Err(bad_option("--out", problem, "name another folder, or move that one away"))
        }
        None => Ok(()),
    }
}

fn is_ours(name: &OsString) -> bool {
    OURS.iter().chain(&place::NAMES).any(|own| name == own) || is_temporary(name)
}

/// What a killed import was writing with [`atomic`].
fn is_temporary(name: &OsString) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(b".tmp")
}

/// Removes everything but these.
fn tidy(folder: &Path, keep: &[&str]) -> Result<()> {
    for name in names_in(folder)? {
        if !keep.iter().any(|kept| name == *kept) {
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

fn names_in(folder: &Path) -> Result<Vec<OsString>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
    read().map_err(Error::io("read", folder))
}

/// Removes a file or folder that may be missing.
fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Removes the folder of a finished import, the journal last: as long as anything is left, a kill leaves what says that the dataset is done.
fn discard(partial: &Path) -> Result<()> {
    for name in names_in(partial)?.iter().filter(|name| *name != "journal.json") {
        remove(&partial.join(name))?;
    }
    remove(partial)
}

/// Opens a file to append after so many bytes; what lies behind them was never counted.
fn reopen(path: &Path, bytes: u64) -> Result<BufWriter<File>> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(Error::io("open", path))?;
    let found = file.metadata().map_err(Error::io("open", path))?.len();
    if found < bytes {
        return Err(Error::State {
            place: path.display().to_string(),
            problem: format!("it has {found} bytes, and the journal counts {bytes}"),
            remedy: "remove the folder and import again".into(),
        });
    }
    file.set_len(bytes).and_then(|()| file.seek(SeekFrom::Start(bytes))).map_err(Error::io("write", path))?;
    Ok(BufWriter::with_capacity(1 << 18, file))
}

/// The numbers in a file of u32.
fn numbers(path: &Path) -> Result<impl Iterator<Item = Result<u32>> + use<>> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut left = file.metadata().map_err(Error::io("open", path))?.len() / 4;
    let (mut file, path) = (BufReader::with_capacity(1 << 18, file), path.to_owned());
    Ok(std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        let mut number = [0; 4];
        Some(file.read_exact(&mut number).map(|()| u32::from_le_bytes(number)).map_err(Error::io("read", &path)))
    }))
}
