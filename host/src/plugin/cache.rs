//! Compiled components, kept from run to run.
//!
//! A file is named by the SHA-256 of the component and a hash of everything that compiled code depends on (this version of the compiler, its
//! settings, the CPU), so that it is never stale; it appears whole or not at all, so that processes may race for it. Compiled code is
//! trusted: the folder belongs to the user alone, and nothing that a user supplies is ever read as such.

use std::{
    fs::{self, DirBuilder},
    hash::{Hash, Hasher},
    io,
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
};

use wasmtime::component::Component;
use xxhash_rust::xxh3::Xxh3;

use super::{
    engine::Engine,
    limits::{Limits, show_bytes, show_time},
    report,
    source::Source,
};
use crate::{Error, FaultKind, Result, atomic, cache_dir::cache_dir, hex};

/// Stack of the compiler, which recurses as deep as the code nests.
const COMPILER_STACK: usize = 16 << 20;

/// The compiled component of a file: from the cache, or compiled and put there.
pub(crate) fn component(engine: &Engine, source: &Source, limits: &Limits) -> Result<Component> {
    let folder = cache_dir().map(|folder| folder.join("compiled"));
    component_in(folder, engine, source, limits)
}

fn component_in(folder: Result<PathBuf>, engine: &Engine, source: &Source, limits: &Limits) -> Result<Component> {
    let place = folder.map(|folder| folder.join(file_name(engine, source)));
    if let Ok(path) = &place
        && let Some(component) = open(engine, path)
    {
        return Ok(component);
    }
    let code = compile(engine, source, limits)?;
    match place.and_then(|path| keep(&path, &code).map(|()| path)) {
        Ok(path) => {
            if let Some(component) = open(engine, &path) {
                return Ok(component);
            }
        }
        Err(error) => tracing::warn!(plugin = &*source.name, "the compiled plugin is not kept, the next run compiles it again: {error}"),
    }
    // SAFETY: `code` is what this engine's compiler answered, unaltered.
    unsafe { Component::deserialize(&engine.wasm, &code) }.map_err(|e| unusable(source, &e))
}

fn file_name(engine: &Engine, source: &Source) -> String {
    let mut hash = Xxh3::new();
    engine.wasm.precompile_compatibility_hash().hash(&mut hash);
    format!("{}-{:016x}.cwasm", hex(&source.sha256), hash.finish())
}

/// Maps a cached file; none if there is none that can be used.
fn open(engine: &Engine, path: &Path) -> Option<Component> {
    if !path.is_file() {
        return None;
    }
    if let Err(reason) = check_private(path) {
        tracing::warn!("ignoring the compiled plugin `{}`: {reason}", path.display());
        return None;
    }
    // SAFETY: only `keep` writes there, what the compiler answered, by rename; the folder is closed to others. The file is never changed in
    // place, so that the mapping stays as it is.
    match unsafe { Component::deserialize_file(&engine.wasm, path) } {
        Ok(component) => Some(component),
        Err(error) => {
            tracing::debug!("compiling again, `{}` cannot be used: {error}", path.display());
            None
        }
    }
}

fn keep(path: &Path, code: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        make_private(folder).map_err(Error::io("create", folder))?;
        atomic::sweep_folder(folder);
    }
    atomic::write(path, code)
}

/// Compiles on a thread of its own, which is given up, not stopped, when the time is over.
fn compile(engine: &Engine, source: &Source, limits: &Limits) -> Result<Vec<u8>> {
    tracing::debug!(plugin = &*source.name, "compiling {} bytes", source.bytes.len());
    let (sender, receiver) = mpsc::sync_channel(1);
    let (wasm, bytes) = (engine.wasm.clone(), source.bytes.clone());
    let thread = thread::Builder::new().name("curricle-compile".to_owned()).stack_size(COMPILER_STACK);
    thread
        .spawn(move || {
            // Nobody listens once the time is over.
            let _ = sender.send(wasm.precompile_component(&bytes));
        })
        .map_err(|e| {
            report::load(&source.name, FaultKind::Load, format!("cannot start a thread to compile it: {e}"), "raise the limit on threads")
        })?;
    match receiver.recv_timeout(limits.compile_time) {
        Ok(Ok(code)) => Ok(code),
        Ok(Err(error)) => {
            let (problem, remedy) = report::classify_compilation(&error);
            Err(report::load(&source.name, FaultKind::Load, problem, remedy))
        }
        Err(RecvTimeoutError::Timeout) => {
            let problem =
                format!("compiling its {} takes longer than {}", show_bytes(source.bytes.len() as u64), show_time(limits.compile_time));
            Err(report::load(&source.name, FaultKind::Limit, problem, "raise `limits.compile-time`, or make it smaller"))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(report::load(&source.name, FaultKind::Load, "the compiler failed on it", "build it again with other options"))
        }
    }
}

fn unusable(source: &Source, error: &wasmtime::Error) -> Error {
    let problem = format!("its compiled code cannot be used: {}", report::cause(error));
    report::load(&source.name, FaultKind::Load, problem, "run on another machine")
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

/// Whether none but the owner can write to the folder of a file.
#[cfg(unix)]
fn check_private(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().unwrap_or(path);
    let mode = fs::metadata(folder).map_err(|e| e.to_string())?.permissions().mode();
    if mode & 0o022 == 0 { Ok(()) } else { Err(format!("others can write to `{}`", folder.display())) }
}

#[cfg(not(unix))]
fn check_private(_: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::plugin::engine::{Profile, engine};

    fn source() -> Source {
        let bytes = wat::parse_str(r#"(component (core module (func (export "f"))))"#).unwrap();
        Source { name: "p".into(), bytes, sha256: [7; 32] }
    }

    fn load(folder: &Path, engine: &Engine) -> Result<Component> {
        component_in(Ok(folder.to_owned()), engine, &source(), &Limits::default())
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn what_was_compiled_is_kept_per_profile_and_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("compiled");
        let decide = engine(Profile::Decide, "p").unwrap();
        load(&folder, &decide).unwrap();
        let kept = files(&folder);
        assert_eq!(kept.len(), 1);
        let written = fs::metadata(&kept[0]).unwrap().modified().unwrap();
        load(&folder, &decide).unwrap();
        assert_eq!(fs::metadata(&kept[0]).unwrap().modified().unwrap(), written);
        load(&folder, &engine(Profile::Measure, "p").unwrap()).unwrap();
        assert_eq!(files(&folder).len(), 2);
    }

    #[test]
    fn a_damaged_file_is_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("compiled");
        let decide = engine(Profile::Decide, "p").unwrap();
        load(&folder, &decide).unwrap();
        let path = files(&folder).remove(0);
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() / 2], b"", b"garbage"] {
            fs::write(&path, damaged).unwrap();
            load(&folder, &decide).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn without_a_cache_it_compiles_every_time() {
        let decide = engine(Profile::Decide, "p").unwrap();
        load(Path::new("/dev/null/compiled"), &decide).unwrap();
        let nowhere = Err(Error::config("environment", "no home", "set one"));
        component_in(nowhere, &decide, &source(), &Limits::default()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_can_write_to_is_not_trusted() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("compiled");
        let decide = engine(Profile::Decide, "p").unwrap();
        load(&folder, &decide).unwrap();
        let path = files(&folder).remove(0);
        assert!(open(&decide, &path).is_some());
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(open(&decide, &path).is_none());
        load(&folder, &decide).unwrap();
    }

    #[test]
    fn many_may_compile_the_same_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("compiled");
        let decide = engine(Profile::Decide, "p").unwrap();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| load(&folder, &decide).unwrap());
            }
        });
        assert_eq!(files(&folder).len(), 1);
    }
}
