//! A plugin's file: found by name, read within its limit, identified by its digest.

use std::{
    env,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::{
    limits::{Limits, show_bytes},
    report,
};
use crate::{Error, FaultKind, Result, atomic, escape::escape, hex};

/// A plugin's file in memory.
pub(crate) struct Source {
    /// Name or path, as the run file or the command line gave it.
    pub(crate) name: Arc<str>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) sha256: [u8; 32],
}

impl Source {
    /// Reads a file, unless it is too large.
    pub(crate) fn read(name: &str, path: &Path, limits: &Limits) -> Result<Source> {
        let file = atomic::open_regular(path)?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        let mut bytes = Vec::new();
        // One byte more than is allowed, whatever the file's size is said to be.
        file.take(limits.file_size.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
        if bytes.len() as u64 > limits.file_size {
            let size = show_bytes(size.max(bytes.len() as u64));
            let problem = format!("`{}` has {size}, at most {} are read", path.display(), show_bytes(limits.file_size));
            let remedy = "strip its debug information, or raise `limits.file-size` (`preset = \"interpreted\"` allows 64 MiB)";
            return Err(report::load(name, FaultKind::Limit, problem, remedy));
        }
        let sha256 = Sha256::digest(&bytes).into();
        Ok(Source { name: escape(name, usize::MAX).into(), bytes, sha256 })
    }
}

/// Whether the file of a plugin is the one that somebody pinned: `wanted` is its SHA-256 in hexadecimal.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Plugin`] with both digests if it is another.
pub fn check_sha256(name: &str, path: &Path, wanted: &str, limits: &Limits) -> Result<()> {
    let found = hex(&Source::read(name, path, limits)?.sha256);
    if found.eq_ignore_ascii_case(wanted.trim()) {
        return Ok(());
    }
    let problem = format!("`{}` has SHA-256 {found}, the run file wants {wanted}", path.display());
    Err(report::load(name, FaultKind::Load, problem, "restore the pinned file, or pin this one if you trust it"))
}

/// The path of a plugin. A path, or a name that ends in `.wasm`, is taken as it is; any other name is that of a built-in plugin, whose file
/// `NAME.wasm` is looked for in the folders of `$CURRICLE_PLUGINS` (separated as in `$PATH`), then in `plugins` beside the program and one and
/// two folders above it, then in `../share/curricle/plugins`.
///
/// # Errors
/// [`Error::Config`] listing where it looked, or naming the path at which there is no file.
pub fn find(name_or_path: &str) -> Result<PathBuf> {
    find_in(name_or_path, &folders())
}

fn find_in(name_or_path: &str, folders: &[PathBuf]) -> Result<PathBuf> {
    if name_or_path.is_empty() {
        return Err(Error::config("plugin", "the name is empty", "give the name of a built-in plugin, or the path of a `.wasm` file"));
    }
    let is_path = name_or_path.contains(['/', '\\']) || name_or_path.ends_with(".wasm");
    if is_path {
        let path = PathBuf::from(name_or_path);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Error::config(
                format!("plugin `{name_or_path}`"),
                "there is no such file",
                "check the path, or build the plugin with `curricle build`",
            ))
        };
    }
    let file = format!("{name_or_path}.wasm");
    if let Some(path) = folders.iter().map(|folder| folder.join(&file)).find(|path| path.is_file()) {
        return Ok(path);
    }
    let places = folders.iter().map(|folder| format!("`{}`", folder.display())).collect::<Vec<_>>().join(", ");
    Err(Error::config(
        format!("plugin `{name_or_path}`"),
        format!("`{file}` is in none of {places}"),
        "build the built-in plugins with `cargo xtask plugins`, set `CURRICLE_PLUGINS` to their folder, or give a path with a slash",
    ))
}

/// Where built-in plugins may be, in order.
fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = match env::var_os("CURRICLE_PLUGINS") {
        Some(list) => env::split_paths(&list).filter(|folder| !folder.as_os_str().is_empty()).collect(),
        None => Vec::new(),
    };
    if let Ok(program) = env::current_exe()
        && let Some(beside) = program.parent()
    {
        let above = beside.ancestors().take(3);
        folders.extend(above.map(|folder| folder.join("plugins")));
        if let Some(prefix) = beside.parent() {
            folders.push(prefix.join("share").join("curricle").join("plugins"));
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_and_a_path_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mixture.wasm");
        std::fs::write(&file, b"x").unwrap();
        let folders = [PathBuf::from("/nowhere"), folder.path().to_owned()];
        assert_eq!(find_in("mixture", &folders).unwrap(), file);
        assert_eq!(find_in(file.to_str().unwrap(), &[]).unwrap(), file);
        assert!(find_in("mixture.wasm", &folders).is_err());
    }

    #[test]
    fn a_missing_plugin_names_the_places() {
        assert_eq!(
            find_in("mixtur", &["/a".into(), "/b".into()]).unwrap_err().to_string(),
            "plugin `mixtur`: `mixtur.wasm` is in none of `/a`, `/b`; build the built-in plugins with `cargo xtask plugins`, set \
             `CURRICLE_PLUGINS` to their folder, or give a path with a slash"
        );
        assert_eq!(
            find_in("./no.wasm", &[]).unwrap_err().to_string(),
            "plugin `./no.wasm`: there is no such file; check the path, or build the plugin with `curricle build`"
        );
    }

    #[test]
    fn a_large_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big.wasm");
        std::fs::write(&path, vec![0; 2048]).unwrap();
        let error = Source::read("big", &path, &Limits { file_size: 1024, ..Limits::default() }).err().unwrap();
        assert_eq!(error.code(), "plugin-limit");
        assert!(error.to_string().contains("big.wasm` has 2 KiB, at most 1 KiB are read; strip its debug information"), "{error}");
    }
}
