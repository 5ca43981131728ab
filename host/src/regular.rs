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

/// Links of links that are followed, as many as Linux follows.
const MAX_LINKS: usize = 40;

/// The file that a path leads to, which need not be there. A link stays a link, also one to a file that is yet to be written, and what is no
/// regular file (a device, a pipe) is never replaced by one.
pub(crate) fn through_links(target: PathBuf) -> Result<PathBuf> {
    let mut path = target.clone();
    for _ in 0..MAX_LINKS {
        match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => return Err(Error::io("replace", target)(no_regular_file())),
            Ok(_) => return fs::canonicalize(&path).map_err(Error::io("find", target)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io("find", target)(error)),
            Err(_) => {
                let Ok(next) = fs::read_link(&path) else { return Ok(path) };
                // From the folder that the link is in, unless it begins at the root.
                path = path.parent().unwrap_or(Path::new("")).join(next);
            }
        }
    }
    Err(Error::io("find", target)(io::Error::other("its links lead to links without end")))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_to_a_file_that_is_yet_to_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("scratch")).unwrap();
        symlink("scratch/other.json", at("state.json")).unwrap();
        symlink(at("scratch/real.json"), at("scratch/other.json")).unwrap();
        assert_eq!(through_links(at("state.json")).unwrap(), at("scratch/real.json"));
        fs::write(through_links(at("state.json")).unwrap(), b"saved").unwrap();
        assert!(at("state.json").is_symlink() && at("scratch/other.json").is_symlink());
        assert_eq!(fs::read(at("scratch/real.json")).unwrap(), b"saved");
        assert_eq!(through_links(at("none.json")).unwrap(), at("none.json"));
    }

    #[test]
    fn what_cannot_be_found_for_another_reason_than_that_it_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("round", at("round")).unwrap();
        fs::write(at("file"), "").unwrap();
        for path in [at("round"), at("file").join("state.json")] {
            let error = through_links(path.clone()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("cannot find `{}`: ", path.display())), "{error}");
        }
        assert!(at("round").is_symlink());
    }
}
