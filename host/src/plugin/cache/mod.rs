//! What is known of plugins from run to run: the digests of their files, what they say of themselves, which configurations they accept, their
//! compiled code.
//!
//! Everything lies in one folder that belongs to the user alone, appears whole or not at all, so that processes may race for it, carries a
//! checksum, and is made again when it is missing, damaged or of another release. Failures are never kept. Since compiled code is machine
//! code, who can write to the folder can do what the user can: nothing in it is used if others may write to it, and nothing that a user
//! supplies as a plugin is ever read as compiled code.

mod entry;
mod stamp;
mod digest;
mod described;
mod accepted;
mod bounds;
mod compiled;
mod compiler;
mod prune;

use std::{
    fs::{self, DirBuilder},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

pub(crate) use self::described::Known;
use crate::{Error, Result, cache_dir::cache_dir};

/// How often the last use of an entry is recorded, and the checksum of compiled code compared.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The folder, or none if there can be none: everything is then made anew each time.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// That of this user.
    pub(crate) fn of_user() -> Cache {
        match cache_dir() {
            Ok(folder) => Cache { folder: Some(folder.join("compiled")) },
            Err(error) => {
                tracing::warn!("nothing is kept of plugins, the next run compiles them again: {error}");
                Cache { folder: None }
            }
        }
    }

    /// Where to look for an entry; none if there is no folder, or one that is not to be trusted.
    fn place(&self, name: &str) -> Option<PathBuf> {
        let folder = self.folder.as_deref()?;
        match check_private(folder) {
            Ok(true) => Some(folder.join(name)),
            Ok(false) => None,
            Err(reason) => {
                tracing::warn!("ignoring what is kept of plugins: {reason}");
                None
            }
        }
    }

    /// Where to write an entry, in a folder that is there.
    fn place_to_write(&self, name: &str) -> Result<PathBuf> {
        let Some(folder) = &self.folder else {
            return Err(Error::config(
                "environment",
                "there is no place for a cache",
                "set `CURRICLE_CACHE` to a folder that may be written",
            ));
        };
        make_private(folder).map_err(Error::io("create", folder))?;
        check_private(folder).map_err(|reason| {
            Error::config("the cache of plugins", reason, "close the folder to others, or set `CURRICLE_CACHE` to one of your own")
        })?;
        Ok(folder.join(name))
    }
}

/// Seconds since 1970; 0 before.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(folder)
}

/// Whether the folder is there; an error if others can write to it.
#[cfg(unix)]
fn check_private(folder: &Path) -> Result<bool, String> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let Ok(metadata) = fs::metadata(folder) else { return Ok(false) };
    if metadata.permissions().mode() & 0o022 != 0 {
        return Err(format!("others can write to `{}`", folder.display()));
    }
    // Who owns a folder can open it to himself. The system's administrator can do so anyway, and may fill one for all users.
    let own = fs::metadata("/proc/self").map_or(metadata.uid(), |process| process.uid());
    if metadata.uid() != own && metadata.uid() != 0 {
        return Err(format!("`{}` belongs to another user", folder.display()));
    }
    Ok(metadata.is_dir())
}

#[cfg(not(unix))]
fn check_private(folder: &Path) -> Result<bool, String> {
    Ok(folder.is_dir())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{fs, path::PathBuf};

    use tempfile::TempDir;

    use super::Cache;

    /// A cache for the time of a test.
    pub(crate) fn cache() -> (TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { folder: Some(folder.path().join("compiled")) };
        (folder, cache)
    }

    impl Cache {
        /// Paths of the entries whose names end so.
        pub(crate) fn files(&self, end: &str) -> Vec<PathBuf> {
            let Ok(folder) = fs::read_dir(self.folder.as_ref().unwrap()) else { return Vec::new() };
            folder.map(|entry| entry.unwrap().path()).filter(|path| path.to_string_lossy().ends_with(end)).collect()
        }

        pub(crate) fn nowhere() -> Cache {
            Cache { folder: None }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_can_write_to_is_not_trusted() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, cache) = cache();
        assert!(cache.place("x").is_none());
        assert!(cache.place_to_write("x").is_ok());
        assert!(cache.place("x").is_some());
        fs::set_permissions(cache.folder.as_ref().unwrap(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(cache.place("x").is_none());
        assert!(cache.place_to_write("x").unwrap_err().to_string().contains("others can write to `"));
    }
}
