//! Files of the moment: what is read by path has to lie somewhere.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

thread_local! {
    /// A folder a thread: tests run side by side.
    static FOLDER: TempDir = tempfile::tempdir().expect("a temporary folder");
}

/// A path in it.
pub(super) fn path(name: &str) -> PathBuf {
    FOLDER.with(|folder| folder.path().join(name))
}

/// Writes a file in it.
pub(super) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = path(name);
    fs::write(&path, bytes).expect("to write a file");
    path
}

/// An empty folder in it.
pub(super) fn folder(name: &str) -> PathBuf {
    let path = path(name);
    if path.exists() {
        fs::remove_dir_all(&path).expect("to remove a folder");
    }
    fs::create_dir_all(&path).expect("a folder");
    path
}

/// What a file holds.
pub(super) fn read(path: impl AsRef<Path>) -> Vec<u8> {
    fs::read(path).expect("to read a file")
}
