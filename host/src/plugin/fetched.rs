//! Plugins that came from a registry: kept by digest, so that the network is asked once and never by a run.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::{Error, Result, atomic, cache_dir::cache_dir, escape::escape, hex};

/// What a reference to a registry begins with in a run file: `oci://REGISTRY/REPOSITORY:TAG`.
pub const OCI: &str = "oci://";

/// Keeps a plugin's file for runs that name it by an OCI reference and this digest, and gives its place.
///
/// # Errors
/// [`Error::Io`] if it cannot be written; [`Error::Config`] if there is no place for it.
pub fn keep(bytes: &[u8]) -> Result<([u8; 32], PathBuf)> {
    let sha256: [u8; 32] = Sha256::digest(bytes).into();
    let path = place(&hex(&sha256))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    }
    atomic::write(&path, bytes)?;
    Ok((sha256, path))
}

/// The file of a pinned reference. Whether it still has the digest is for who loads it to check.
pub(super) fn find(reference: &str, sha256: Option<&str>) -> Result<PathBuf> {
    let what = || format!("plugin `{}`", escape(reference, 300));
    let Some(sha256) = sha256.map(|pin| pin.trim().to_ascii_lowercase()) else {
        let remedy = "run `curricle lock` with the run file, which fetches it and fills in `sha256`; elsewhere fetch it with `curricle pull` and give its path";
        return Err(Error::config(what(), "it is in a registry and not pinned by `sha256`, so it could be another tomorrow", remedy));
    };
    if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
        let problem = format!("its `sha256` is `{}`", escape(&sha256, 100));
        return Err(Error::config(what(), problem, "a SHA-256 has 64 hexadecimal digits; `curricle lock --update` writes it"));
    }
    let path = place(&sha256)?;
    if path.is_file() {
        return Ok(path);
    }
    let problem = format!("no file with SHA-256 {sha256} was fetched on this machine");
    Err(Error::config(what(), problem, "run `curricle pull` with the run file, where the network is there"))
}

fn place(sha256: &str) -> Result<PathBuf> {
    Ok(cache_dir()?.join("plugins").join(format!("{sha256}.wasm")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_without_a_pin_says_how_to_get_one() {
        let text = find("oci://a.example/b:1", None).unwrap_err().to_string();
        assert!(text.starts_with("plugin `oci://a.example/b:1`: it is in a registry and not pinned by `sha256`"), "{text}");
        assert!(text.contains("run `curricle lock`"), "{text}");
    }

    #[test]
    fn a_pin_is_never_a_path() {
        let text = find("oci://a.example/b:1", Some("../../etc/passwd")).unwrap_err().to_string();
        assert!(text.contains("a SHA-256 has 64 hexadecimal digits"), "{text}");
    }

    #[test]
    fn a_file_that_was_not_fetched_is_named_by_its_digest() {
        let text = find("oci://a.example/b:1", Some(&"ab".repeat(32))).unwrap_err().to_string();
        assert!(
            text.contains(&format!("no file with SHA-256 {} was fetched on this machine; run `curricle pull`", "ab".repeat(32))),
            "{text}"
        );
    }
}
