//! Digests of files that have not changed since they were read.

use std::{fs::Metadata, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{Cache, entry, stamp::Stamp};

#[derive(Serialize, Deserialize)]
struct Digest {
    stamp: Stamp,
    sha256: [u8; 32],
}

impl Cache {
    /// SHA-256 of a file that is as it was when [`remember_digest`](Cache::remember_digest) was told.
    pub(crate) fn digest(&self, metadata: &Metadata, now: SystemTime) -> Option<[u8; 32]> {
        let stamp = Stamp::of(metadata)?;
        let known: Digest = entry::read(&self.place(&file_name(&stamp))?, now)?;
        (known.stamp == stamp).then_some(known.sha256)
    }

    /// Remembers what was read from a file: `before` and `after` are what the open file was like then. `now` is a time before the reading.
    pub(crate) fn remember_digest(&self, before: &Metadata, after: &Metadata, sha256: [u8; 32], now: SystemTime) {
        let Some(stamp) = Stamp::of(before).filter(|stamp| Stamp::of(after) == Some(*stamp) && stamp.is_settled(now)) else { return };
        let written = self.place_to_write(&file_name(&stamp)).and_then(|path| entry::write(&path, &Digest { stamp, sha256 }));
        if let Err(error) = written {
            tracing::debug!("the digest of a plugin's file is not kept, it is read again next time: {error}");
        }
    }
}

fn file_name(stamp: &Stamp) -> String {
    format!("{:x}-{:x}.digest", stamp.device, stamp.inode)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        fs::{self, File},
        time::Duration,
    };

    use super::*;
    use crate::plugin::cache::tests::cache;

    #[test]
    fn a_digest_is_of_the_file_as_it_was() {
        let (folder, cache) = cache();
        let path = folder.path().join("p.wasm");
        fs::write(&path, b"one").unwrap();
        let file = File::open(&path).unwrap();
        let metadata = file.metadata().unwrap();
        let later = SystemTime::now() + Duration::from_secs(3600);

        cache.remember_digest(&metadata, &metadata, [1; 32], SystemTime::now());
        assert_eq!(cache.digest(&metadata, later), None, "a file that was just written may change within the same tick");
        cache.remember_digest(&metadata, &metadata, [1; 32], later);
        assert_eq!(cache.digest(&metadata, later), Some([1; 32]));

        // The same size, and the time of the content set back to what it was: the time of any change gives it away.
        std::thread::sleep(Duration::from_millis(50));
        fs::write(&path, b"two").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(metadata.modified().unwrap()).unwrap();
        let changed = fs::metadata(&path).unwrap();
        assert_eq!((changed.len(), changed.modified().unwrap()), (metadata.len(), metadata.modified().unwrap()));
        assert_eq!(cache.digest(&changed, later), None);
        cache.remember_digest(&metadata, &changed, [2; 32], later);
        assert_eq!(cache.digest(&changed, later), None, "it changed while it was read");

        // Another file under the same name.
        fs::write(folder.path().join("q"), b"tri").unwrap();
        fs::rename(folder.path().join("q"), &path).unwrap();
        assert_eq!(cache.digest(&fs::metadata(&path).unwrap(), later), None);
    }
}
