//! Compiled components.
//!
//! A file is named by the SHA-256 of the component and a hash of everything that compiled code depends on (this version of the compiler, its
//! settings, the CPU), so that it is never stale. Beside it lies its seal: length and checksum. Reading all of it would take longer than
//! loading it, so the checksum is compared once a day, and whenever the file is not the one that was last compared.

use std::{
    fs::File,
    hash::{Hash, Hasher},
    io::{self, Read},
    path::Path,
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use wasmtime::component::Component;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{Cache, DAY, compiler, entry, prune::prune, seconds, stamp::Stamp};
use crate::{
    Result, atomic, hex,
    plugin::{engine::Engine, limits::Limits, source::Source},
};

/// What a file of compiled code must be like.
#[derive(Serialize, Deserialize)]
struct Seal {
    length: u64,
    xxh3: u64,
    /// The file whose checksum was compared last, and when, in seconds since 1970.
    compared: Option<(Stamp, u64)>,
}

impl Cache {
    /// The compiled component of a file: the one that is kept, or one that is compiled and kept.
    pub(crate) fn component(&self, engine: &Engine, source: &Source, limits: &Limits) -> Result<Component> {
        let name = file_name(engine, &source.sha256);
        match self.kept(engine, &name, SystemTime::now()) {
            Some(component) => Ok(component),
            None => compiler::compile(self, engine, source, &name, limits),
        }
    }

    /// A component that is kept; none if there is none that can be used.
    pub(super) fn kept(&self, engine: &Engine, name: &str, now: SystemTime) -> Option<Component> {
        let path = self.place(name)?;
        let seal_path = path.with_extension("seal");
        let seal: Seal = entry::read(&seal_path, now)?;
        if let Err(reason) = check(&path, &seal_path, seal, now) {
            if reason.kind() != io::ErrorKind::NotFound {
                tracing::warn!("compiling again, `{}` cannot be used: {reason}", path.display());
            }
            return None;
        }
        // SAFETY: only `keep` writes there, what the compiler answered, by rename; the folder is closed to others, and what is in the file is
        // what was written. It is never changed in place, so that the mapping stays as it is.
        match unsafe { Component::deserialize_file(&engine.wasm, &path) } {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::debug!("compiling again, `{}` cannot be used: {error}", path.display());
                None
            }
        }
    }

    /// Keeps what the compiler answered.
    pub(super) fn keep(&self, name: &str, code: &[u8], now: SystemTime) -> Result<()> {
        let path = self.place_to_write(name)?;
        atomic::write(&path, code)?;
        let seal = Seal { length: code.len() as u64, xxh3: xxh3_64(code), compared: None };
        entry::write(&path.with_extension("seal"), &seal)?;
        if let Some(folder) = path.parent() {
            atomic::sweep_folder(folder);
            prune(folder, &path, now);
        }
        Ok(())
    }
}

/// Compares a file with its seal.
fn check(path: &Path, seal_path: &Path, mut seal: Seal, now: SystemTime) -> io::Result<()> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.len() != seal.length {
        return Err(io::Error::other(format!("it has {} bytes, {} were written", metadata.len(), seal.length)));
    }
    let stamp = Stamp::of(&metadata);
    let today = |then: u64| seconds(now).checked_sub(then).is_some_and(|age| age < DAY.as_secs());
    if seal.compared.is_some_and(|(compared, then)| Some(compared) == stamp && today(then)) {
        return Ok(());
    }
    let mut hash = Xxh3::new();
    let mut piece = vec![0; 256 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => hash.update(piece.get(..read).unwrap_or_default()),
        }
    }
    if hash.digest() != seal.xxh3 {
        return Err(io::Error::other("its checksum is not that of what was written"));
    }
    if let Some(stamp) = stamp.filter(|stamp| stamp.is_settled(now)) {
        seal.compared = Some((stamp, seconds(now)));
        // Where nothing can be written, it is compared each time.
        let _ = entry::write(seal_path, &seal);
    }
    Ok(())
}

fn file_name(engine: &Engine, sha256: &[u8; 32]) -> String {
    let mut hash = Xxh3::new();
    engine.wasm.precompile_compatibility_hash().hash(&mut hash);
    format!("{}-{:016x}.cwasm", hex(sha256), hash.finish())
}

#[cfg(test)]
mod tests {
    use std::{fs, thread, time::Duration};

    use super::*;
    use crate::plugin::{
        cache::tests::cache,
        engine::{Profile, engine},
    };

    fn source() -> Source {
        let bytes = wat::parse_str(r#"(component (core module (func (export "f"))))"#).unwrap();
        Source::of_bytes("p", bytes)
    }

    fn load(cache: &Cache, engine: &Engine) -> Component {
        cache.component(engine, &source(), &Limits::default()).unwrap()
    }

    #[test]
    fn what_was_compiled_is_kept_per_profile_and_used_again() {
        let (_folder, cache) = cache();
        let decide = engine(Profile::Decide, "p").unwrap();
        load(&cache, &decide);
        let kept = cache.files(".cwasm");
        assert_eq!(kept.len(), 1);
        let written = fs::metadata(&kept[0]).unwrap().modified().unwrap();
        load(&cache, &decide);
        assert_eq!(fs::metadata(&kept[0]).unwrap().modified().unwrap(), written);
        load(&cache, &engine(Profile::Measure, "p").unwrap());
        assert_eq!(cache.files(".cwasm").len(), 2);
    }

    #[test]
    fn a_damaged_file_is_compiled_again() {
        let (_folder, cache) = cache();
        let decide = engine(Profile::Decide, "p").unwrap();
        load(&cache, &decide);
        let (path, seal) = (cache.files(".cwasm").remove(0), cache.files(".seal").remove(0));
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [&whole[..whole.len() / 2], b"", b"garbage", &flipped, &[&whole[..], b"\0"].concat()] {
            // Another file under the name: the one that is mapped must stay as it is.
            atomic::write(&path, damaged).unwrap();
            load(&cache, &decide);
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
        for damaged in [&b""[..], b"garbage", b"0000000000000000\n{}"] {
            fs::write(&seal, damaged).unwrap();
            load(&cache, &decide);
            assert!(cache.kept(&decide, &file_name(&decide, &source().sha256), SystemTime::now()).is_some());
        }
        fs::remove_file(&path).unwrap();
        load(&cache, &decide);
        assert!(path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn the_checksum_is_compared_once_a_day_and_when_the_file_is_another() {
        let (_folder, cache) = cache();
        let decide = engine(Profile::Decide, "p").unwrap();
        load(&cache, &decide);
        let name = file_name(&decide, &source().sha256);
        let seal_path = cache.files(".seal").remove(0);
        let compared = || entry::read::<Seal>(&seal_path, SystemTime::now()).unwrap().compared;
        assert_eq!(compared(), None, "a file that was just written may change within the same tick");
        let later = SystemTime::now() + Duration::from_secs(600);
        for (now, expected) in [(later, later), (later + DAY / 2, later), (later + DAY * 2, later + DAY * 2)] {
            cache.kept(&decide, &name, now).unwrap();
            assert_eq!(compared().unwrap().1, seconds(expected));
        }
        let path = cache.files(".cwasm").remove(0);
        let copy = path.with_extension("copy");
        fs::copy(&path, &copy).unwrap();
        fs::rename(&copy, &path).unwrap();
        let before = compared().unwrap().0;
        cache.kept(&decide, &name, later + DAY * 2).unwrap();
        assert_ne!(compared().unwrap().0, before);
    }

    #[test]
    fn without_a_cache_it_compiles_every_time() {
        let decide = engine(Profile::Decide, "p").unwrap();
        load(&Cache { folder: Some("/dev/null/compiled".into()) }, &decide);
        load(&Cache::nowhere(), &decide);
    }

    #[test]
    fn many_that_load_the_same_compile_it_once() {
        let (_folder, cache) = cache();
        let decide = engine(Profile::Decide, "p").unwrap();
        let source = source();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| cache.component(&decide, &source, &Limits::default()).unwrap());
            }
        });
        assert_eq!(cache.files(".cwasm").len(), 1);
        assert_eq!(compiler::tests::compiled(&cache), 1);
    }
}
