//! By what a file is known to be unchanged without being read.

use std::{
    fs::Metadata,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

/// How long a file must have been left alone before its stamp says anything: clocks of file systems tick in milliseconds to seconds, and
/// pages that somebody wrote through a mapping get their time when they go to disk, half a minute later.
const SETTLED: Duration = Duration::from_secs(60);

/// Where a file lies and when it last changed. The system sets the time of the last change of any kind, and no program can set it back: to
/// replace a file under the same stamp takes the clock of the machine, or its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the last change of the content, then of the last change of any kind.
    times: [i64; 4],
}

impl Stamp {
    /// Of an open file; none where the system does not tell enough.
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Option<Stamp> {
        use std::os::unix::fs::MetadataExt;
        let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
        Some(Stamp { device: metadata.dev(), inode: metadata.ino(), size: metadata.size(), times })
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Option<Stamp> {
        None
    }

    /// Whether a change after `now` would change the stamp.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        let [content, _, any, _] = self.times;
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let Ok(before) = i64::try_from(now.saturating_sub(SETTLED).as_secs()) else { return false };
        content < before && any < before
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_stamp_says_nothing_until_the_file_was_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, b"x").unwrap();
        let stamp = Stamp::of(&fs::metadata(&path).unwrap()).unwrap();
        let now = SystemTime::now();
        assert!(!stamp.is_settled(now));
        assert!(stamp.is_settled(now + SETTLED + Duration::from_secs(2)));
        // A clock that was set back, or that of a file server ahead of ours.
        assert!(!stamp.is_settled(now - Duration::from_secs(3600)));
    }
}
