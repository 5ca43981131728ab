//! Small entries: a line with a checksum, then JSON.

use std::{
    fs::{self, File},
    path::Path,
    time::SystemTime,
};

use serde::{Serialize, de::DeserializeOwned};
use xxhash_rust::xxh3::xxh3_64;

use super::DAY;
use crate::{Error, Result, atomic};

/// Reads an entry, and records once a day that it is of use. None if it is missing, damaged or of another release.
pub(super) fn read<T: DeserializeOwned>(path: &Path, now: SystemTime) -> Option<T> {
    let text = fs::read_to_string(path).ok()?;
    let (checksum, json) = text.split_once('\n')?;
    if checksum != format!("{:016x}", xxh3_64(json.as_bytes())) {
        tracing::debug!("`{}` is damaged and made again", path.display());
        return None;
    }
    let value = serde_json::from_str(json).ok()?;
    touch(path, now);
    Some(value)
}

/// Writes an entry, whole or not at all.
pub(super) fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let json = serde_json::to_string(value).map_err(|error| Error::io("write", path)(error.into()))?;
    atomic::write(path, format!("{:016x}\n{json}", xxh3_64(json.as_bytes())).as_bytes())
}

/// An entry of a cache that cannot be written to is as good as one that can: what fails here is only the keeping of unused entries.
fn touch(path: &Path, now: SystemTime) {
    let _ = File::open(path).and_then(|file| {
        let age = now.duration_since(file.metadata()?.modified()?).unwrap_or_default();
        if age > DAY { file.set_modified(now) } else { Ok(()) }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_entry_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.json");
        write(&path, &["é", "b"]).unwrap();
        let now = SystemTime::now();
        assert_eq!(read::<Vec<String>>(&path, now).unwrap(), ["é", "b"]);
        assert_eq!(read::<Vec<u64>>(&path, now), None);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(read::<Vec<String>>(&path, now), None);
        }
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &damaged).unwrap();
            assert_eq!(read::<Vec<String>>(&path, now), None, "bit {bit}");
        }
    }

    #[test]
    fn use_is_recorded_once_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.json");
        write(&path, &1).unwrap();
        let modified = || fs::metadata(&path).unwrap().modified().unwrap();
        let written = modified();
        read::<u64>(&path, written + DAY / 2).unwrap();
        assert_eq!(modified(), written);
        read::<u64>(&path, written + DAY * 3).unwrap();
        assert_eq!(modified(), written + DAY * 3);
    }
}
