//! What stands at a path: only regular files are read and replaced, since a pipe may keep its reader for ever and a device has no end.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{Error, Result};

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
pub(crate) fn through_links(target: PathBuf) -> Result<PathBuf> {
    match fs::metadata(&target) {
        Ok(metadata) if !metadata.is_file() => Err(Error::io("replace", target)(no_regular_file())),
        Ok(_) => fs::canonicalize(&target).map_err(Error::io("find", target)),
        Err(_) => Ok(target),
    }
}
