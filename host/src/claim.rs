//! Who works with a file: locks that go with the process that holds them, however it ends, and so tell the living from the dead.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process,
};

use crate::{Error, Result, regular::through_links};

/// What a lock file of ours begins with.
const MARK: &str = "curricle ";
/// Longest text that is read of one.
const MAX_TEXT: u64 = 256;

/// Whose a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    Ours,
    Theirs,
    /// The file system has no locks, as some of clusters.
    Unknown,
}

/// Locks a file or folder for as long as it stays open, without waiting.
pub(crate) fn try_lock(file: &File) -> Lock {
    match file.try_lock() {
        Ok(()) => Lock::Ours,
        Err(TryLockError::WouldBlock) => Lock::Theirs,
        Err(TryLockError::Error(error)) => {
            tracing::debug!("a file cannot be locked: {error}");
            Lock::Unknown
        }
    }
}

/// A file that this process alone works with, until the value is dropped or the process ends.
///
/// The claim is a lock on `FILE.lock` beside the file, since the file itself is replaced whenever it is written. The lock file goes when the
/// claim is dropped; after a SIGKILL it stays behind, free, for the next claim. Where the file system has no locks, every claim is granted.
///
/// [`SamplerState::save`](crate::SamplerState::save) works without: states are written whole, and the last one stays. A claim is for who wants
/// a second process refused instead, as `curricle sample --state` does.
///
/// ```no_run
/// let claim = curricle::atomic::Claim::of("state.json")?; // an error that names the process that has it
/// # Ok::<(), curricle::Error>(())
/// ```
pub struct Claim {
    path: PathBuf,
    _lock: File,
}

impl Claim {
    /// Claims a file, which need not exist; its folder must.
    ///
    /// # Errors
    /// [`Error::State`] if another process has claimed it, or `FILE.lock` is somebody's file; [`Error::Io`] if the folder is missing or not
    /// writable.
    pub fn of(path: impl Into<PathBuf>) -> Result<Claim> {
        let target = through_links(path.into())?;
        let mut path = target.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(not_ours(&target, &path));
        }
        loop {
            let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let mut lock = opened.map_err(Error::io("create", &path))?;
            let whose = try_lock(&lock);
            let mut text = String::new();
            // What is no text is not ours either.
            let read = (&mut lock).take(MAX_TEXT).read_to_string(&mut text);
            if read.is_err() || !(text.is_empty() || text.starts_with(MARK)) {
                return Err(not_ours(&target, &path));
            }
            match whose {
                Lock::Theirs => return Err(taken(&target, &text)),
                // Its holder removed it between our two steps.
                Lock::Ours if !is_same(&lock, &path) => continue,
                Lock::Ours | Lock::Unknown => {}
            }
            // Who it is helps the next one. That there is no room for it is no reason to stop.
            let noted = lock.set_len(0).and_then(|()| lock.seek(SeekFrom::Start(0))).and_then(|_| write!(lock, "{MARK}{}", this_process()));
            if let Err(error) = noted {
                tracing::debug!("`{}` does not name this process: {error}", path.display());
            }
            return Ok(Claim { path, _lock: lock });
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Still locked: who has opened it meanwhile finds that it is gone.
        let _ = fs::remove_file(&self.path);
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("path", &self.path).finish_non_exhaustive()
    }
}

fn taken(target: &Path, text: &str) -> Error {
    let who = text.strip_prefix(MARK).map_or_else(|| "another process".to_owned(), |who| who.trim_end().escape_debug().to_string());
    Error::state(target.display(), format!("{who} works with it"), "wait until it is done, stop it, or name another file")
}

fn not_ours(target: &Path, path: &Path) -> Error {
    let problem = format!("`{}` is in the way: it is no lock of curricle", path.display());
    Error::state(target.display(), problem, "move it away, or name another file")
}

fn this_process() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().chars().take(64).collect::<String>());
    match host {
        Ok(host) if !host.is_empty() => format!("process {} on {host}", process::id()),
        _ => format!("process {}", process::id()),
    }
}

/// Whether an open file is the one at a path.
#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => place(open) == place(there),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Removes the files and folders in `folder` whose names fit and whose makers are dead, which is when nobody holds their locks. What cannot
/// be locked is left alone, as is everything that fails.
pub(crate) fn sweep(folder: &Path, fits: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let Some(kind) = entry.file_type().ok().filter(|kind| kind.is_file() || kind.is_dir()) else { continue };
        if !name.to_str().is_some_and(&fits) {
            continue;
        }
        // Some systems lock only what can be written, and none lets folders be written.
        let opened = OpenOptions::new().read(true).write(kind.is_file()).open(&path);
        let Some(_held) = opened.ok().filter(|file| try_lock(file) == Lock::Ours) else { continue };
        let removed = if kind.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Ok(()) => tracing::debug!("removed `{}`, which a killed process left", path.display()),
            Err(error) => tracing::debug!("`{}`, which a killed process left, stays: {error}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_claim_is_refused_with_the_process_that_has_the_first_and_granted_when_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.json");
        let claim = Claim::of(&state).unwrap();
        let message = Claim::of(&state).unwrap_err().to_string();
        let start = format!("state `{}`: process {}", state.display(), process::id());
        assert!(message.starts_with(&start), "{message}");
        assert!(message.ends_with(" works with it; wait until it is done, stop it, or name another file"), "{message}");
        drop(claim);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        Claim::of(&state).unwrap();
    }

    #[test]
    fn what_a_killed_process_left_is_claimed_and_somebodys_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("state.json.lock");
        fs::write(&lock, "curricle process 1 on a host of a longer name").unwrap();
        drop(Claim::of(folder.path().join("state.json")).unwrap());
        assert!(!lock.exists());
        for foreign in [&b"precious"[..], b"\xff\xfe"] {
            fs::write(&lock, foreign).unwrap();
            let message = Claim::of(folder.path().join("state.json")).unwrap_err().to_string();
            assert!(message.contains("is in the way: it is no lock of curricle; move it away"), "{message}");
            assert_eq!(fs::read(&lock).unwrap(), foreign);
        }
    }

    #[cfg(unix)]
    #[test]
    fn two_names_of_one_file_are_one_claim() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("state.json"), "").unwrap();
        std::os::unix::fs::symlink(folder.path().join("state.json"), folder.path().join("link")).unwrap();
        let _claim = Claim::of(folder.path().join("state.json")).unwrap();
        assert!(Claim::of(folder.path().join("link")).is_err());
    }

    #[test]
    fn of_many_who_claim_at_once_one_at_a_time_is_granted() {
        let folder = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut granted = 0;
                    while granted < 200 {
                        let Ok(claim) = Claim::of(folder.path().join("f")) else { continue };
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(claim);
                        granted += 1;
                    }
                });
            }
        });
    }
}
