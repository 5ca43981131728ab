//! Where compilers and their like are.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Folders that are looked into before those of `PATH`, as a list of paths.
const VARIABLE: &str = "CURRICLE_TOOLS";

/// The program of this name, if there is one.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    folders().into_iter().map(|folder| folder.join(name)).find(|file| is_program(file))
}

/// The folders in which programs are looked for, in this order.
pub(crate) fn folders() -> Vec<PathBuf> {
    let lists = [VARIABLE, "PATH"].map(|name| env::var_os(name).unwrap_or_default());
    // An empty entry would be the working folder.
    lists.iter().flat_map(env::split_paths).filter(|folder| !folder.as_os_str().is_empty()).collect()
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}
