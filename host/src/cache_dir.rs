//! Where derived files go that can be made again at any time.

use std::{env, ffi::OsString, path::PathBuf};

use crate::{Error, Result};

/// The cache folder of this user: `$CURRICLE_CACHE`, else `$XDG_CACHE_HOME/curricle`, else `~/.cache/curricle`. It need not exist yet.
/// Everything in it can be deleted while nothing runs.
///
/// # Errors
/// [`Error::Config`] if none of the variables is set.
pub fn cache_dir() -> Result<PathBuf> {
    choose(env::var_os("CURRICLE_CACHE"), env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"))
}

fn choose(ours: Option<OsString>, xdg: Option<OsString>, home: Option<OsString>) -> Result<PathBuf> {
    let set = |v: Option<OsString>| v.filter(|v| !v.is_empty()).map(PathBuf::from);
    // The XDG specification has relative paths ignored.
    let xdg = set(xdg).filter(|p| p.is_absolute()).map(|p| p.join("curricle"));
    let home = || set(home).map(|p| p.join(".cache").join("curricle"));
    set(ours).or(xdg).or_else(home).ok_or_else(|| {
        Error::config(
            "environment",
            "there is no place for a cache: `HOME` is not set",
            "set `CURRICLE_CACHE` to a folder that may be written",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_variable_goes_before_xdg_and_xdg_before_home() {
        let v = |s: &str| Some(OsString::from(s));
        assert_eq!(choose(v("/a"), v("/b"), v("/c")).unwrap(), PathBuf::from("/a"));
        assert_eq!(choose(v(""), v("/b"), v("/c")).unwrap(), PathBuf::from("/b/curricle"));
        assert_eq!(choose(None, v("relative"), v("/c")).unwrap(), PathBuf::from("/c/.cache/curricle"));
    }

    #[test]
    fn without_any_variable_the_error_says_which_to_set() {
        let message = choose(None, None, None).unwrap_err().to_string();
        assert_eq!(
            message,
            "environment: there is no place for a cache: `HOME` is not set; set `CURRICLE_CACHE` to a folder that may be written"
        );
    }
}
