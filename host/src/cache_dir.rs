//! Where files that can be made again are kept.

use std::{env, path::PathBuf};

use crate::{Error, Result};

/// `$CURRICLE_CACHE`, else `$XDG_CACHE_HOME/curricle`, else `~/.cache/curricle`. The folder need not exist.
///
/// # Errors
/// [`Error::Config`] if none of the three variables is set.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("CURRICLE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("curricle")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache").join("curricle")))
        .ok_or_else(|| {
            Error::config("environment", "none of `CURRICLE_CACHE`, `XDG_CACHE_HOME` and `HOME` is set", "set `CURRICLE_CACHE` to a folder")
        })
}
