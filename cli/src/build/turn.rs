//! One build of a project at a time, where a compiler reads and writes files that lie in the project.

use std::{
    fs::{OpenOptions, TryLockError},
    path::Path,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::terminal;

/// Between two looks at a lock that another build holds.
const PAUSE: Duration = Duration::from_millis(50);

/// Held while a build works in a project's folder; given back by the end of its process at the latest.
#[derive(Debug)]
pub(super) struct Turn {
    _lock: std::fs::File,
}

impl Turn {
    /// Waits until no other build works in this folder. Where the file system has no locks, nobody waits.
    pub(super) fn wait(workshop: &Path) -> Result<Turn> {
        let path = workshop.join("build.lock");
        // It stays: a build that opened one that is then removed would hold a lock that nobody sees.
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = opened.with_context(|| format!("cannot create `{}`", path.display()))?;
        let mut told = false;
        loop {
            // Looked at again and again, since a lock that is waited for hears no interrupt.
            terminal::stop_if_asked(true, "building")?;
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    tracing::debug!("`{}` cannot be locked: {error}", path.display());
                    break;
                }
            }
            if !told {
                eprintln!("waiting until another build in `{}` is done", workshop.display());
                told = true;
            }
            thread::sleep(PAUSE);
        }
        Ok(Turn { _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_build_waits_until_the_first_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let first = Turn::wait(folder.path()).unwrap();
        thread::scope(|scope| {
            let second = scope.spawn(|| Turn::wait(folder.path()).map(drop));
            thread::sleep(PAUSE * 4);
            assert!(!second.is_finished());
            drop(first);
            second.join().unwrap().unwrap();
        });
    }
}
