//! Giving a folder its place, over an older one if there is one.

use std::{fs, io, path::Path};

use curricle::{Error, Result, atomic};

/// Where a new folder waits to change places with an old one.
const INCOMING: &str = "incoming";
/// Where an old one goes where two folders cannot change places at once.
const REPLACED: &str = "replaced";
/// Both, as names in the folder of an import.
pub(super) const NAMES: [&str; 2] = [INCOMING, REPLACED];

/// Puts `new`, which lies in `partial`, at `out`. An older folder there changes places with it at once, so that there is always one or the
/// other; where the system does not know how, there is none for a moment. The older one stays in `partial`.
pub(super) fn publish(new: &Path, out: &Path, partial: &Path) -> Result<()> {
    let put = Error::io("put in place", out);
    match out.exists() {
        true => {
            let incoming = partial.join(INCOMING);
            fs::rename(new, &incoming).map_err(Error::io("put in place", out))?;
            if !exchange(&incoming, out).map_err(Error::io("replace", out))? {
                fs::rename(out, partial.join(REPLACED)).map_err(Error::io("replace", out))?;
                fs::rename(&incoming, out).map_err(put)?;
            }
        }
        false => fs::rename(new, out).map_err(put)?,
    }
    atomic::sync_folder(match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    })
}

/// Whether what was to be published, known by its mark, stands at `out`. If a kill came just before, it lies at `new` again.
pub(super) fn resume(new: &Path, out: &Path, partial: &Path, wanted: Option<u64>) -> Result<bool> {
    let incoming = partial.join(INCOMING);
    if !is_waiting(partial) {
        return Ok(out.exists() && !new.exists());
    }
    if wanted.is_some() && mark(out) == wanted {
        return Ok(true);
    }
    // Where it cannot be told whether they have changed places, the work begins anew.
    if (wanted.is_some() && mark(&incoming) == wanted) || !out.exists() {
        fs::rename(&incoming, new).map_err(Error::io("rename", &incoming))?;
    }
    Ok(false)
}

/// Whether a folder waits to change places, or has.
pub(super) fn is_waiting(partial: &Path) -> bool {
    partial.join(INCOMING).exists()
}

/// What a folder keeps when it is renamed; none where there is no such thing.
pub(super) fn mark(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::symlink_metadata(folder).ok().map(|metadata| metadata.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

/// Lets two folders change places; `false` where the system or file system does not know how.
#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with},
        io::Errno,
    };
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A folder with `partial/dataset` of text `new` and `out` of text `old`.
    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (partial, out) = (folder.path().join("partial"), folder.path().join("out"));
        let new = partial.join("dataset");
        for (path, text) in [(&new, "new"), (&out, "old")] {
            fs::create_dir_all(path).unwrap();
            fs::write(path.join("text"), text).unwrap();
        }
        (folder, partial, new, out)
    }

    fn text(folder: &Path) -> String {
        fs::read_to_string(folder.join("text")).unwrap()
    }

    #[test]
    fn an_old_folder_changes_places_with_the_new_one() {
        let (_folder, partial, new, out) = folders();
        let wanted = mark(&new);
        publish(&new, &out, &partial).unwrap();
        assert_eq!((text(&out).as_str(), new.exists()), ("new", false));
        assert!(resume(&new, &out, &partial, wanted).unwrap());
    }

    #[test]
    fn after_a_kill_at_any_step_the_new_folder_is_in_place_or_found_again() {
        // Before the first rename; between it and the exchange.
        for step in 0..2 {
            let (_folder, partial, new, out) = folders();
            let wanted = mark(&new);
            if step == 1 {
                fs::rename(&new, partial.join(INCOMING)).unwrap();
            }
            assert!(!resume(&new, &out, &partial, wanted).unwrap());
            assert_eq!((text(&new).as_str(), text(&out).as_str()), ("new", "old"), "{step}");
        }
        // Between the two renames where there is no exchange.
        let (_folder, partial, new, out) = folders();
        let wanted = mark(&new);
        fs::rename(&new, partial.join(INCOMING)).unwrap();
        fs::rename(&out, partial.join(REPLACED)).unwrap();
        assert!(!resume(&new, &out, &partial, wanted).unwrap());
        assert_eq!((text(&new).as_str(), out.exists()), ("new", false));
    }

    #[test]
    fn what_cannot_be_told_is_never_taken_for_the_new_folder() {
        let (_folder, partial, new, out) = folders();
        fs::rename(&new, partial.join(INCOMING)).unwrap();
        for wanted in [None, Some(0)] {
            assert!(!resume(&new, &out, &partial, wanted).unwrap());
            assert!(!new.exists());
        }
    }
}
