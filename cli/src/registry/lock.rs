//! `curricle lock`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use curricle::hex;
use sha2::{Digest, Sha256};

use super::{pins::RunFile, pull};
use crate::terminal::say;

/// Pin the plugins of a run file by their SHA-256.
///
/// Fills in `sha256` beside each `plugin`, be it a built-in one, a file or a reference to a registry, which is fetched and kept. A pin that is
/// there already is compared, and never changed unasked. All else of the file, comments too, stays as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle lock run.toml
  curricle lock run.toml --check     # for CI: fails unless everything is pinned, and right
  curricle lock run.toml --update    # pins what is there now")]
pub(crate) struct Args {
    /// The run file.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Replaces pins that no longer fit.
    #[arg(long, conflicts_with = "check")]
    update: bool,
    /// Changes nothing, and fails if anything would have to be.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let mut run = RunFile::read(&args.run)?;
    let mut open = Vec::new();
    for named in run.plugins() {
        let place = || format!("{}: [{}]", args.run.display(), named.place);
        let pinned = named.sha256.as_deref().filter(|_| !args.update);
        let found = if named.is_reference() {
            if args.check && pinned.is_none() {
                open.push(format!("[{}] `{}`", named.place, named.plugin));
                continue;
            }
            let bytes = pull::fetch(&named.plugin, pinned).with_context(place)?;
            pull::kept(&named.plugin, &bytes).with_context(place)?;
            hex(&<[u8; 32]>::from(Sha256::digest(&bytes)))
        } else {
            let path = run.file(&named)?;
            hex(&curricle::plugin::inspect(&path).with_context(place)?.sha256)
        };
        match pinned {
            Some(pin) if !pin.trim().eq_ignore_ascii_case(&found) => {
                let problem = format!("`{}` has SHA-256 {found}, pinned is {}", named.plugin, pin.trim());
                let remedy = "restore the pinned file, or pin this one if you trust it (`curricle lock --update`)";
                return Err(crate::registry::config(place(), problem, remedy).into());
            }
            Some(_) => say(format_args!("[{}] {}: pinned already", named.place, named.plugin))?,
            None if args.check => open.push(format!("[{}] `{}`", named.place, named.plugin)),
            None => {
                run.pin(&named, &found);
                say(format_args!("[{}] {}: {found}", named.place, named.plugin))?;
            }
        }
    }
    if !open.is_empty() {
        bail!("{} does not pin {}; run `curricle lock` without `--check`", args.run.display(), open.join(", "));
    }
    run.save().map(drop)
}
