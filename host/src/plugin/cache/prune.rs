//! What goes when something comes.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How long an entry is kept without being used. Use is recorded once a day.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Bytes of all entries together, of which those go first that were not used for longest.
const LARGEST: u64 = 2 << 30;
/// Ends of names of ours.
const ENDS: [&str; 5] = ["cwasm", "seal", "described", "accepted", "digest"];

/// Files that go together, because one is of no use without the other.
#[derive(Default)]
struct Group {
    files: Vec<PathBuf>,
    size: u64,
    /// When the last of them was used.
    used: Option<SystemTime>,
}

/// Removes entries that were not used for long, then those over the size, but not `just_written`. A file that is in use stays with who uses it.
pub(super) fn prune(folder: &Path, just_written: &Path, now: SystemTime) {
    prune_to(folder, just_written, now, LARGEST);
}

fn prune_to(folder: &Path, just_written: &Path, now: SystemTime, largest: u64) {
    let mut groups: Vec<Group> = groups(folder, just_written).into_values().collect();
    groups.sort_by_key(|group| group.used);
    let mut total: u64 = groups.iter().map(|group| group.size).sum();
    for group in groups {
        let age = group.used.and_then(|used| now.duration_since(used).ok()).unwrap_or_default();
        if age > KEPT || total > largest {
            for file in &group.files {
                match fs::remove_file(file) {
                    Err(error) if error.kind() != ErrorKind::NotFound => tracing::debug!("cannot remove `{}`: {error}", file.display()),
                    _ => tracing::debug!("removed `{}`, which was not used for long", file.display()),
                }
            }
            total = total.saturating_sub(group.size);
        }
    }
}

fn groups(folder: &Path, just_written: &Path) -> BTreeMap<OsString, Group> {
    let mut groups: BTreeMap<OsString, Group> = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        let Ok(metadata) = entry.metadata() else { continue };
        if !metadata.is_file() || !ENDS.contains(&end) || path.file_stem() == just_written.file_stem() {
            continue;
        }
        let name = if matches!(end, "cwasm" | "seal") { path.file_stem().unwrap_or_default().to_owned() } else { entry.file_name() };
        let group = groups.entry(name).or_default();
        group.size = group.size.saturating_add(metadata.len());
        group.used = group.used.max(metadata.modified().ok());
        group.files.push(path);
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::plugin::cache::DAY;

    fn put(folder: &Path, name: &str, size: usize, used: SystemTime) {
        fs::write(folder.join(name), vec![0; size]).unwrap();
        File::options().write(true).open(folder.join(name)).unwrap().set_modified(used).unwrap();
    }

    fn left(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_not_used_for_a_month_goes_and_nothing_that_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let now = SystemTime::now();
        let old = now - DAY * 31;
        for name in ["old.cwasm", "old.seal", "old.described", "old.digest", "notes.txt", "used.cwasm", "mine.cwasm"] {
            put(folder, name, 1, old);
        }
        put(folder, "used.seal", 1, now - DAY);
        prune(folder, &folder.join("mine.cwasm"), now);
        assert_eq!(left(folder), ["mine.cwasm", "notes.txt", "used.cwasm", "used.seal"]);
    }

    #[test]
    fn over_the_size_the_longest_unused_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let now = SystemTime::now();
        for day in 1..=5 {
            put(folder, &format!("{day}.cwasm"), 100, now - DAY * day);
        }
        prune_to(folder, &folder.join("1.cwasm"), now, 250);
        assert_eq!(left(folder), ["1.cwasm", "2.cwasm", "3.cwasm"]);
    }
}
