//! A plugin's file: found by name, read within its limit, identified by its digest.

use std::{
    env,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

use super::{
    cache::Cache,
    fetched::{self, OCI},
    limits::{Limits, show_bytes},
    report,
};
use crate::{
    Error, FaultKind, Result,
    escape::{self, escape},
    hex,
    regular::open_regular,
};

/// A plugin's file: what it is, and what is in it once somebody asks.
pub(crate) struct Source {
    /// Name or path, as the run file or the command line gave it.
    pub(crate) name: Arc<str>,
    pub(crate) sha256: [u8; 32],
    /// Bytes of the file.
    pub(crate) size: u64,
    path: PathBuf,
    /// Stays open, so that what is read later is of this file, whatever takes its name in the meantime.
    file: Option<File>,
    bytes: OnceLock<Arc<[u8]>>,
}

impl Source {
    /// Identifies a file, unless it is too large. One that the cache knows unchanged is not read.
    pub(crate) fn open(name: &str, path: &Path, limits: &Limits, cache: &Cache) -> Result<Source> {
        let now = SystemTime::now();
        let file = open_regular(path)?;
        let before = file.metadata().map_err(Error::io("open", path))?;
        if before.len() > limits.file_size {
            return Err(too_large(name, path, before.len(), limits));
        }
        if let Some(sha256) = cache.digest(&before, now) {
            let (name, path) = (escape(name, usize::MAX).into(), path.to_owned());
            return Ok(Source { name, sha256, size: before.len(), path, file: Some(file), bytes: OnceLock::new() });
        }
        let source = Source::read_open(name, path, file, limits)?;
        if let Some(Ok(after)) = source.file.as_ref().map(File::metadata) {
            cache.remember_digest(&before, &after, source.sha256, now);
        }
        Ok(source)
    }

    /// Reads a file whole, unless it is too large.
    pub(crate) fn read(name: &str, path: &Path, limits: &Limits) -> Result<Source> {
        Source::read_open(name, path, open_regular(path)?, limits)
    }

    fn read_open(name: &str, path: &Path, file: File, limits: &Limits) -> Result<Source> {
        let bytes = read_within(&file, limits.file_size).map_err(Error::io("read", path))?;
        let Some(bytes) = bytes else {
            let size = file.metadata().map_or(0, |metadata| metadata.len()).max(limits.file_size.saturating_add(1));
            return Err(too_large(name, path, size, limits));
        };
        Ok(Source { path: path.to_owned(), file: Some(file), ..Source::of_bytes(name, bytes) })
    }

    /// What is in memory already.
    pub(crate) fn of_bytes(name: &str, bytes: Vec<u8>) -> Source {
        let (sha256, size) = (Sha256::digest(&bytes).into(), bytes.len() as u64);
        Source {
            name: escape(name, usize::MAX).into(),
            sha256,
            size,
            path: PathBuf::new(),
            file: None,
            bytes: OnceLock::from(Arc::from(bytes)),
        }
    }

    /// What is in memory already, unless it is too large.
    pub(crate) fn of_bytes_within(name: &str, bytes: Vec<u8>, limits: &Limits) -> Result<Source> {
        match bytes.len() as u64 > limits.file_size {
            true => Err(too_large(name, Path::new(name), bytes.len() as u64, limits)),
            false => Ok(Source::of_bytes(name, bytes)),
        }
    }

    /// What is in the file, which has this digest.
    pub(crate) fn bytes(&self) -> Result<Arc<[u8]>> {
        if let Some(bytes) = self.bytes.get() {
            return Ok(bytes.clone());
        }
        let read = self.file.as_ref().map_or(Ok(None), |mut file| file.seek(SeekFrom::Start(0)).and_then(|_| read_within(file, self.size)));
        match read.map_err(Error::io("read", &self.path))? {
            Some(bytes) if <[u8; 32]>::from(Sha256::digest(&bytes)) == self.sha256 => {
                Ok(self.bytes.get_or_init(|| Arc::from(bytes)).clone())
            }
            _ => {
                let problem = format!("`{}` changed while it was loaded", escape::path(&self.path));
                Err(report::load(&self.name, FaultKind::Load, problem, "load it again when it is complete"))
            }
        }
    }
}

/// What is left of a file, unless that is more than so many bytes, whatever its size is said to be.
fn read_within(mut file: &File, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let size = file.metadata()?.len().min(most);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default().saturating_add(1));
    file.by_ref().take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

fn too_large(name: &str, path: &Path, size: u64, limits: &Limits) -> Error {
    let problem = format!("`{}` has {}, at most {} are read", escape::path(path), show_bytes(size), show_bytes(limits.file_size));
    let remedy = "strip its debug information, or raise `limits.file-size`";
    // Nothing of it was read, its label neither.
    let may_be_interpreted = limits.file_size < size && size <= Limits::interpreted().file_size;
    let remedy = match may_be_interpreted {
        true => format!("{remedy}; in Python or JavaScript it takes {}", report::INTERPRETED),
        false => remedy.to_owned(),
    };
    report::load(name, FaultKind::Limit, problem, remedy)
}

/// Whether the file of a plugin is the one that somebody pinned: `wanted` is its SHA-256 in hexadecimal. The file is read for it, whatever is
/// remembered of its digest.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Plugin`] with both digests if it is another.
pub fn check_sha256(name: &str, path: &Path, wanted: &str, limits: &Limits) -> Result<()> {
    let found = hex(&Source::read(name, path, limits)?.sha256);
    if found.eq_ignore_ascii_case(wanted.trim()) {
        return Ok(());
    }
    let problem = format!("`{}` has SHA-256 {found}, the run file wants {}", escape::path(path), escape(wanted, 100));
    Err(report::load(name, FaultKind::Load, problem, "restore the pinned file, or pin this one if you trust it"))
}

/// The path of a plugin. A path, or a name that ends in `.wasm`, is taken as it is; any other name is that of a built-in plugin, whose file
/// `NAME.wasm` is looked for in the folders of `$CURRICLE_PLUGINS` (separated as in `$PATH`), then where the program [said](look_in), then in `plugins` beside the program and one and
/// two folders above it, then in `../share/curricle/plugins`.
///
/// # Errors
/// [`Error::Config`] listing where it looked, or naming the path at which there is no file.
pub fn find(name_or_path: &str) -> Result<PathBuf> {
    find_pinned(name_or_path, None)
}

/// As [`find`], and what begins with [`OCI`] is a reference to a registry: its file is the one with the digest `sha256`, in hexadecimal, that
/// was [kept](super::keep) on this machine. Of any other, `sha256` says nothing here: who loads the file compares it.
///
/// # Errors
/// As [`find`]; of a reference, [`Error::Config`] that says how to fetch what it names.
pub fn find_pinned(name_or_path: &str, sha256: Option<&str>) -> Result<PathBuf> {
    if name_or_path.starts_with(OCI) {
        return fetched::find(name_or_path, sha256);
    }
    find_in(name_or_path, &folders())
}

fn find_in(name_or_path: &str, folders: &[PathBuf]) -> Result<PathBuf> {
    if name_or_path.is_empty() {
        return Err(Error::config("plugin", "the name is empty", "give the name of a built-in plugin, or the path of a `.wasm` file"));
    }
    let is_path = name_or_path.contains(['/', '\\']) || name_or_path.ends_with(".wasm");
    if is_path {
        let path = PathBuf::from(name_or_path);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Error::config(
                format!("plugin `{}`", escape(name_or_path, usize::MAX)),
                "there is no such file",
                "check the path, or build the plugin with `curricle build`",
            ))
        };
    }
    let file = format!("{name_or_path}.wasm");
    if let Some(path) = folders.iter().map(|folder| folder.join(&file)).find(|path| path.is_file()) {
        return Ok(path);
    }
    let places = folders.iter().map(|folder| format!("`{}`", folder.display())).collect::<Vec<_>>().join(", ");
    Err(Error::config(
        format!("plugin `{}`", escape(name_or_path, usize::MAX)),
        format!("`{}` is in none of {places}", escape(&file, usize::MAX)),
        "build the built-in plugins with `cargo xtask plugins`, set `CURRICLE_PLUGINS` to their folder, or give a path with a slash",
    ))
}

/// Folders that the program said.
static CARRIED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Has [`find`] look for built-in plugins in this folder too, after those of `$CURRICLE_PLUGINS`: for programs that carry them elsewhere than
/// beside themselves, such as a Python package.
pub fn look_in(folder: impl Into<PathBuf>) {
    let folder = folder.into();
    let mut carried = CARRIED.lock().unwrap_or_else(PoisonError::into_inner);
    if !carried.contains(&folder) {
        carried.push(folder);
    }
}

/// Where built-in plugins may be, in order.
fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = match env::var_os("CURRICLE_PLUGINS") {
        Some(list) => env::split_paths(&list).filter(|folder| !folder.as_os_str().is_empty()).collect(),
        None => Vec::new(),
    };
    folders.extend(CARRIED.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
    if let Ok(program) = env::current_exe()
        && let Some(beside) = program.parent()
    {
        let above = beside.ancestors().take(3);
        folders.extend(above.map(|folder| folder.join("plugins")));
        if let Some(prefix) = beside.parent() {
            folders.push(prefix.join("share").join("curricle").join("plugins"));
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_and_a_path_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mixture.wasm");
        std::fs::write(&file, b"x").unwrap();
        let folders = [PathBuf::from("/nowhere"), folder.path().to_owned()];
        assert_eq!(find_in("mixture", &folders).unwrap(), file);
        assert_eq!(find_in(file.to_str().unwrap(), &[]).unwrap(), file);
        assert!(find_in("mixture.wasm", &folders).is_err());
    }

    #[test]
    fn a_missing_plugin_names_the_places() {
        assert_eq!(
            find_in("mixtur", &["/a".into(), "/b".into()]).unwrap_err().to_string(),
            "plugin `mixtur`: `mixtur.wasm` is in none of `/a`, `/b`; build the built-in plugins with `cargo xtask plugins`, set \
             `CURRICLE_PLUGINS` to their folder, or give a path with a slash"
        );
        assert_eq!(
            find_in("./no.wasm", &[]).unwrap_err().to_string(),
            "plugin `./no.wasm`: there is no such file; check the path, or build the plugin with `curricle build`"
        );
    }

    #[test]
    fn a_large_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big.wasm");
        std::fs::write(&path, vec![0; 2048]).unwrap();
        let error = Source::read("big", &path, &Limits { file_size: 1024, ..Limits::default() }).err().unwrap();
        assert_eq!(error.code(), "plugin-limit");
        assert!(error.to_string().contains("big.wasm` has 2 KiB, at most 1 KiB are read; strip its debug information"), "{error}");
    }
}
