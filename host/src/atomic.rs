//! Files that appear whole or not at all: a temporary file beside the target, fsync, rename, fsync of the folder.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// A file in the making. Dropped before [`commit`](AtomicFile::commit), it leaves nothing behind.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    temp: NamedTempFile,
}

impl AtomicFile {
    /// Begins a file that will stand at `target`, whose folder must exist.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder is missing or not writable.
    pub fn create(target: impl Into<PathBuf>) -> Result<AtomicFile> {
        let target = through_links(target.into())?;
        let folder = folder_of(&target);
        let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let temp = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".tmp")
            .tempfile_in(folder)
            .map_err(Error::io("create a file in", folder))?;
        Ok(AtomicFile { target, temp })
    }

    /// The temporary file, to write to or to map.
    pub fn file(&self) -> &File {
        self.temp.as_file()
    }

    /// Where the temporary file stands, for the writer of another library.
    pub fn temp_path(&self) -> &Path {
        self.temp.path()
    }

    /// Makes the file durable and puts it in its place, over an older one if there is one.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full or the rename fails; the older file then stands unharmed.
    pub fn commit(self) -> Result<()> {
        let AtomicFile { target, temp } = self;
        temp.as_file().sync_all().map_err(Error::io("write", &target))?;
        // A temporary file is private to its owner; what is published has the usual permissions.
        set_usual_permissions(temp.as_file(), &target)?;
        temp.persist(&target).map_err(|e| Error::io("put in place", &target)(e.error))?;
        sync_folder(folder_of(&target))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.temp.write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.temp.flush()
    }
}

/// Writes `bytes` to `target`, whole or not at all.
///
/// # Errors
/// As [`AtomicFile::create`] and [`AtomicFile::commit`].
pub fn write(target: impl Into<PathBuf>, bytes: &[u8]) -> Result<()> {
    let target = target.into();
    let mut file = AtomicFile::create(&target)?;
    file.write_all(bytes).map_err(Error::io("write", &target))?;
    file.commit()
}

/// Makes a rename in this folder durable.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(Error::io("sync", folder))
}

/// Opens a file to read. A pipe would wait for ever for somebody to write to it, so only regular files are opened.
///
/// # Errors
/// [`Error::Io`] if it does not exist, is no regular file or may not be read.
pub(crate) fn open_regular(path: &Path) -> Result<File> {
    let metadata = fs::metadata(path).map_err(Error::io("open", path))?;
    if !metadata.is_file() {
        return Err(Error::io("open", path)(no_regular_file()));
    }
    File::open(path).map_err(Error::io("open", path))
}

/// Reads a text file whole. Pipes and devices, which may never end, are refused.
///
/// # Errors
/// [`Error::Io`] if it does not exist, is no regular file, may not be read or is no UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let mut text = String::new();
    open_regular(path)?.read_to_string(&mut text).map_err(Error::io("read", path))?;
    Ok(text)
}

fn no_regular_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// The file that a path leads to. A link stays a link, and what is no regular file (a device, a pipe) is never replaced by one.
fn through_links(target: PathBuf) -> Result<PathBuf> {
    match fs::metadata(&target) {
        Ok(metadata) if !metadata.is_file() => Err(Error::io("replace", target)(no_regular_file())),
        Ok(_) => fs::canonicalize(&target).map_err(Error::io("find", target)),
        Err(_) => Ok(target),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn set_usual_permissions(file: &File, target: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(target).map_or(0o644, |m| m.permissions().mode());
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(Error::io("set permissions of", target))
}

#[cfg(not(unix))]
fn set_usual_permissions(_: &File, _: &Path) -> Result<()> {
    Ok(())
}
