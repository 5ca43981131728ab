//! `curricle push`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use curricle::{
    hex,
    plugin::{self, OCI},
};

use super::{client::Registry, reference};
use crate::terminal::say;

/// Store a plugin in an OCI registry.
///
/// In the form that `wkg` and other tools for components use. What is stored is the file as it is: it keeps its SHA-256. Credentials are
/// those of docker's `config.json`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle push my-policy.wasm oci://registry.example.org/team/my-policy        # tagged with its version
  curricle push my-policy.wasm oci://localhost:5000/my-policy:test")]
pub(crate) struct Args {
    /// The plugin's file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to: oci://REGISTRY/REPOSITORY[:TAG]; the tag is the plugin's version if left out.
    #[arg(value_name = "REFERENCE")]
    reference: String,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let seen = plugin::inspect(&args.file)?;
    // A tag has no plus sign, a version may have one.
    let reference = reference::parse(&args.reference, &seen.description.version.replace('+', "-"))?;
    let bytes = std::fs::read(&args.file).with_context(|| format!("cannot read `{}`", args.file.display()))?;
    let (sha256, _) = plugin::keep(&bytes)?;
    anyhow::ensure!(sha256 == seen.sha256, "`{}` changed while it was read; push it again", args.file.display());
    let digest = Registry::of(&reference)?.push(bytes, &seen)?;
    say(format_args!("pushed {} {} as {reference}", seen.description.name, seen.description.version))?;
    say(format_args!("  manifest {digest}"))?;
    say(format_args!("in a run file:"))?;
    say(format_args!("  plugin = \"{OCI}{reference}\""))?;
    say(format_args!("  sha256 = \"{}\"", hex(&sha256)))
}
