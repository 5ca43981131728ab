//! `curricle pull`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use curricle::{
    hex,
    plugin::{self, OCI},
};
use sha2::{Digest, Sha256};

use super::{client::Registry, pins::RunFile, reference};
use crate::terminal::say;

/// Fetch plugins from OCI registries.
///
/// Of a run file, all that it names by reference: a run itself never asks the network. What was fetched is checked to be a plugin, compared
/// with its pin, and kept by its digest.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle pull run.toml
  curricle pull oci://registry.example.org/team/my-policy:1.2.0 --out my-policy.wasm")]
pub(crate) struct Args {
    /// A run file, or oci://REGISTRY/REPOSITORY:TAG.
    #[arg(value_name = "RUN|REFERENCE")]
    what: String,
    /// Where to put the file of a reference, beside keeping it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What the file of a reference must hash to.
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
}

pub(crate) fn run(args: Args) -> Result<()> {
    if args.what.starts_with(OCI) {
        let bytes = fetch(&args.what, args.sha256.as_deref())?;
        let path = kept(&args.what, &bytes)?;
        let path = match args.out {
            Some(out) => {
                curricle::atomic::write(&out, &bytes)?;
                out
            }
            None => path,
        };
        return report(&args.what, &bytes, &path);
    }
    if args.out.is_some() || args.sha256.is_some() {
        bail!("`--out` and `--sha256` are for one reference, `{}` is none; a run file has the digests in it", args.what);
    }
    let run = RunFile::read(Path::new(&args.what))?;
    let wanted: Vec<_> = run.plugins().into_iter().filter(super::pins::Named::is_reference).collect();
    if wanted.is_empty() {
        return say(format_args!("{} names no plugin by reference", args.what));
    }
    for named in wanted {
        let Some(pin) = &named.sha256 else {
            bail!("{}: [{}] is not pinned; run `curricle lock {}`, which fetches it too", args.what, named.place, args.what);
        };
        if let Ok(path) = plugin::find_pinned(&named.plugin, Some(pin))
            && plugin::check_sha256(&named.plugin, &path, pin, &plugin::Limits::interpreted()).is_ok()
        {
            say(format_args!("{}: here already, {}", named.plugin, path.display()))?;
            continue;
        }
        let bytes = fetch(&named.plugin, Some(pin)).with_context(|| format!("{}: [{}]", args.what, named.place))?;
        report(&named.plugin, &bytes, &kept(&named.plugin, &bytes)?)?;
    }
    Ok(())
}

/// The bytes of a reference, which have the digest that is wanted.
pub(super) fn fetch(text: &str, wanted: Option<&str>) -> Result<Vec<u8>> {
    let reference = reference::parse(text, "latest")?;
    let bytes = Registry::of(&reference)?.pull()?;
    let found = hex(&<[u8; 32]>::from(Sha256::digest(&bytes)));
    match wanted {
        Some(wanted) if !found.eq_ignore_ascii_case(wanted.trim()) => Err(crate::registry::config(
            format!("plugin `{text}`"),
            format!("the registry has SHA-256 {found}, wanted is {}", wanted.trim()),
            "nothing was kept; ask who pushed it why it changed, or pin this one if you trust it (`curricle lock --update`)",
        )
        .into()),
        _ => Ok(bytes),
    }
}

/// Keeps what was fetched, if it is a plugin.
pub(super) fn kept(reference: &str, bytes: &[u8]) -> Result<PathBuf> {
    plugin::inspect_bytes(reference, bytes.to_vec())
        .with_context(|| format!("`{reference}` was fetched, but is no plugin and was not kept"))?;
    Ok(plugin::keep(bytes)?.1)
}

fn report(reference: &str, bytes: &[u8], path: &Path) -> Result<()> {
    say(format_args!("{reference}: {} KiB, {}", bytes.len().div_ceil(1024), path.display()))?;
    say(format_args!("  sha256 {}", hex(&<[u8; 32]>::from(Sha256::digest(bytes)))))
}
