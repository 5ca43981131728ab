//! Files that appear whole or not at all: a temporary file beside the target, fsync, rename, fsync of the folder. Folders likewise.
//!
//! A temporary file is called `.NAME.curricle-XXXXXXXX.tmp` and locked while its maker lives. A killed maker leaves it behind, free, and the
//! next one that makes NAME removes it. Where nothing can be locked, leftovers stay, since nobody can tell whether they are some.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempDir};

use crate::{
    Error, Result,
    claim::{Lock, sweep, try_lock},
    regular::through_links,
};
pub use crate::{claim::Claim, regular::read_text};

/// Characters of a temporary name that are drawn.
const DRAWN: usize = 8;
const MARK: &str = ".curricle-";
const SUFFIX: &str = ".tmp";

/// A file in the making. Dropped before [`commit`](AtomicFile::commit), it leaves nothing behind; after a kill, the next one of the same name
/// removes what is left.
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
        sweep(folder, |found| is_temporary(found, &name));
        let prefix = prefix(&name);
        loop {
            let mut builder = builder(&prefix);
            #[cfg(unix)]
            builder.permissions(permissions_for(&target));
            let temp = builder.tempfile_in(folder).map_err(Error::io("create a file in", folder))?;
            // Until it was locked, another's sweep could take it for a leftover.
            if is_kept(temp.as_file(), temp.path()) {
                return Ok(AtomicFile { target, temp });
            }
        }
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
        keep_permissions(temp.as_file(), &target)?;
        temp.persist(&target).map_err(|e| Error::io("put in place", &target)(e.error))?;
        sync_folder(folder_of(&target))
    }
}

/// A folder in the making, to be renamed; gone when dropped before. After a kill, the next one of the same name in the same place removes
/// what is left.
#[derive(Debug)]
pub struct AtomicFolder {
    temp: TempDir,
    /// Locked. Not every system opens folders.
    _lock: Option<File>,
}

impl AtomicFolder {
    /// Begins a folder in `parent`, which must exist. `private` has none but the user see it; otherwise the user's usual permissions hold.
    ///
    /// # Errors
    /// [`Error::Io`] if the parent is missing or not writable.
    pub fn create(parent: &Path, name: &str, private: bool) -> Result<AtomicFolder> {
        sweep(parent, |found| is_temporary(found, name));
        let prefix = prefix(name);
        loop {
            let mut builder = builder(&prefix);
            #[cfg(unix)]
            if !private {
                // Of what is asked for, the system grants what the user grants to any folder.
                use std::os::unix::fs::PermissionsExt;
                builder.permissions(fs::Permissions::from_mode(0o777));
            }
            let temp = builder.tempdir_in(parent).map_err(Error::io("create a folder in", parent))?;
            let lock = File::open(temp.path()).ok();
            if lock.as_ref().is_none_or(|lock| is_kept(lock, temp.path())) {
                return Ok(AtomicFolder { temp, _lock: lock });
            }
        }
    }

    /// Where it stands while it is made.
    pub fn path(&self) -> &Path {
        self.temp.path()
    }

    /// Gives it its name, under which nothing may stand but an empty folder.
    ///
    /// # Errors
    /// What the system says, with nothing left behind.
    pub fn publish(self, target: &Path) -> io::Result<()> {
        fs::rename(self.temp.path(), target)?;
        // What was renamed away must not be looked for when the value is dropped.
        let _ = self.temp.keep();
        Ok(())
    }
}

/// Removes what killed processes left in a folder, of whatever name.
pub(crate) fn sweep_folder(folder: &Path) {
    sweep(folder, |found| {
        let name = found.strip_prefix('.').and_then(|rest| rest.rsplit_once(MARK)).map(|(name, _)| name);
        name.is_some_and(|name| is_temporary(found, name))
    });
}

/// What makes temporary names that begin so.
fn builder(prefix: &str) -> tempfile::Builder<'_, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(SUFFIX).rand_bytes(DRAWN);
    builder
}

/// What the temporary names of `name` begin with.
fn prefix(name: &str) -> String {
    format!(".{name}{MARK}")
}

/// Whether a name is that of a temporary file of `name`.
fn is_temporary(found: &str, name: &str) -> bool {
    let drawn = found.strip_prefix('.').and_then(|rest| rest.strip_prefix(name)?.strip_prefix(MARK)?.strip_suffix(SUFFIX));
    drawn.is_some_and(|drawn| drawn.len() == DRAWN && drawn.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Locks what was just created, and tells whether it is still there and nobody else's.
fn is_kept(file: &File, path: &Path) -> bool {
    match try_lock(file) {
        Lock::Ours => fs::symlink_metadata(path).is_ok(),
        Lock::Theirs => false,
        Lock::Unknown => true,
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

/// The folder that a path is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// What is asked of the system for a file that will stand at `target`; it grants what the user grants to any file. One that replaces another
/// is open to nobody to whom that one was closed, also while it is written.
#[cfg(unix)]
fn permissions_for(target: &Path) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(fs::metadata(target).map_or(0o666, |older| (older.permissions().mode() & 0o777) | 0o600))
}

/// Gives a file the permissions of the one that it replaces, if there is one.
#[cfg(unix)]
fn keep_permissions(file: &File, target: &Path) -> Result<()> {
    match fs::metadata(target) {
        Ok(older) => file.set_permissions(older.permissions()).map_err(Error::io("set permissions of", target)),
        Err(_) => Ok(()),
    }
}

#[cfg(not(unix))]
fn keep_permissions(_: &File, _: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_writer_left_at_any_stage_goes_with_the_next_write_and_the_target_is_old_or_new() {
        let folder = tempfile::tempdir().unwrap();
        let (target, leftover) = (folder.path().join("state.json"), folder.path().join(".state.json.curricle-aB3dE6gH.tmp"));
        // Created; half written; written, with or without its permissions; a second one beside it.
        let stages: [&[(&str, &str)]; 4] = [
            &[(".state.json.curricle-aB3dE6gH.tmp", "")],
            &[(".state.json.curricle-aB3dE6gH.tmp", "hal")],
            &[(".state.json.curricle-aB3dE6gH.tmp", "all of it")],
            &[(".state.json.curricle-aB3dE6gH.tmp", "a"), (".state.json.curricle-00000000.tmp", "b")],
        ];
        for (round, stage) in stages.into_iter().enumerate() {
            let old = fs::read(&target).ok();
            stage.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
            assert_eq!(fs::read(&target).ok(), old);
            write(&target, round.to_string().as_bytes()).unwrap();
            assert_eq!(fs::read(&target).unwrap(), round.to_string().as_bytes());
            assert_eq!(names(folder.path()), ["state.json"], "{}", leftover.display());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions_and_what_will_replace_it_has_no_wider_ones() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for private in [0o600, 0o666, 0o440] {
            fs::write(&target, "old").unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(private)).unwrap();
            let file = AtomicFile::create(&target).unwrap();
            assert_eq!(mode(file.temp_path()) & !private & 0o077, 0);
            file.commit().unwrap();
            assert_eq!(mode(&target), private);
            fs::remove_file(&target).unwrap();
        }
    }

    #[test]
    fn a_living_writers_file_and_files_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let others =
            [".a.b.curricle-aB3dE6gH.tmp", ".a.curricle-short.tmp", ".a.curricle-aB3dE6g..tmp", ".a.backup.tmp", "a.curricle-aB3dE6gH.tmp"];
        others.iter().for_each(|name| fs::write(folder.path().join(name), "mine").unwrap());
        let mut first = AtomicFile::create(&target).unwrap();
        first.write_all(b"first").unwrap();
        let mut second = AtomicFile::create(&target).unwrap();
        second.write_all(b"second").unwrap();
        write(&target, b"third").unwrap();
        second.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"second");
        first.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"first");
        assert_eq!(names(folder.path()).len(), others.len() + 1);
        sweep_folder(folder.path());
        assert_eq!(names(folder.path()).len(), others.len(), "a sweep of any name takes one more");
    }

    #[test]
    fn writers_of_one_target_at_once_all_succeed_and_leave_one_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f");
        std::thread::scope(|scope| {
            for writer in 0u8..4 {
                let target = &target;
                scope.spawn(move || (0..40).for_each(|_| write(target, &[writer; 5000]).unwrap()));
            }
        });
        let found = fs::read(&target).unwrap();
        assert!(found.len() == 5000 && found.iter().all(|byte| *byte == found[0]));
        assert_eq!(names(folder.path()), ["f"]);
    }

    #[test]
    fn folders_of_killed_makers_go_and_those_of_living_ones_stay() {
        let parent = tempfile::tempdir().unwrap();
        let dead = parent.path().join(".tokens.curricle-aB3dE6gH.tmp");
        fs::create_dir_all(dead.join("deep")).unwrap();
        fs::write(dead.join("deep/file"), "x").unwrap();
        let living = AtomicFolder::create(parent.path(), "tokens", true).unwrap();
        assert!(!dead.exists());
        fs::write(living.path().join("file"), "x").unwrap();
        drop(AtomicFolder::create(parent.path(), "tokens", false).unwrap());
        assert!(living.path().join("file").exists());
        living.publish(&parent.path().join("tokens")).unwrap();
        assert_eq!(names(parent.path()), ["tokens"]);
    }
}
