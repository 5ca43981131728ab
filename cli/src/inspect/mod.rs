//! `curricle inspect`: what a plugin is, wants and would be given, without using it.

mod keys;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use curricle::{
    packing::BinPacker,
    plugin::{self, CONTRACT, Inspection, Kind},
};
use serde_json::{Value, json};

use crate::terminal;

/// Tell what a plugin is, wants and would be given.
///
/// Name, version, kind and contract; the digest to pin it by; the interfaces that it imports, and what stands behind them; the keys of its
/// configuration. It is compiled and described in the sandbox, with no run and no data.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle inspect uniform
  curricle inspect ./my-policy.wasm --json")]
pub(crate) struct Args {
    /// A `.wasm` file, or the name of a built-in plugin.
    #[arg(value_name = "PLUGIN")]
    plugin: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let path = plugin::find(&args.plugin.to_string_lossy())?;
    let seen = plugin::inspect(&path)?;
    if args.json {
        return terminal::print_json(&facts(&path, &seen)?);
    }
    print(&path, &seen, &mut io::stdout().lock())
}

/// Everything as JSON.
pub(crate) fn facts(path: &Path, seen: &Inspection) -> Result<Value> {
    let mut facts = json!({
        "what": "plugin",
        "path": path.display().to_string(),
        "kind": kind(seen.kind),
        "world": seen.kind.world(),
        "contract": seen.contract,
        "name": seen.description.name,
        "version": seen.description.version,
        "summary": seen.description.summary,
        "labelled": seen.label.is_some(),
        "imports": seen.imports,
        "exports": seen.exports,
        "granted": grants(seen),
        "bytes": seen.size,
        "sha256": curricle::hex(&seen.sha256),
        "config_schema": schema(seen)?,
    });
    if let Some(packer) = native(seen) {
        facts["native"] = packer.into();
    }
    Ok(facts)
}

fn print(path: &Path, seen: &Inspection, out: &mut impl Write) -> Result<()> {
    let description = &seen.description;
    writeln!(out, "{} {}: {}", description.name, description.version, description.summary)?;
    let contract = if seen.contract == CONTRACT { String::new() } else { format!("; this host offers {CONTRACT}") };
    let label = if seen.label.is_some() { "labelled" } else { "not labelled: another tool made it" };
    for (key, value) in [
        ("kind", format!("{}, world {}", kind(seen.kind), seen.kind.world())),
        ("contract", format!("{}{contract}", seen.contract)),
        ("file", format!("{}, {} KiB, {label}", path.display(), seen.size.div_ceil(1024))),
        ("sha256", curricle::hex(&seen.sha256)),
    ] {
        writeln!(out, "  {key:<10} {value}")?;
    }
    writeln!(out, "imports, and what stands behind them")?;
    for (import, grant) in grants(seen).iter().filter_map(|grant| Some((grant.get("import")?.as_str()?, grant.get("grant")?.as_str()?))) {
        writeln!(out, "  {import:<10} {grant}")?;
    }
    writeln!(out, "  It gets nothing else: no file, network, clock, randomness, environment or thread.")?;
    match schema(seen)? {
        Value::Null => writeln!(out, "configuration: it says nothing of its keys")?,
        schema => print_keys(&keys::keys(&schema), out)?,
    }
    if let Some(packer) = native(seen) {
        writeln!(out, "{packer}")?;
    }
    Ok(())
}

fn print_keys(keys: &[keys::Key], out: &mut impl Write) -> Result<()> {
    if keys.is_empty() {
        writeln!(out, "configuration: no keys")?;
        return Ok(());
    }
    writeln!(out, "configuration")?;
    let width = |of: fn(&keys::Key) -> usize| keys.iter().map(of).max().unwrap_or(0);
    let (path, value) = (width(|key| key.path.chars().count()), width(|key| key.value.chars().count()));
    for key in keys {
        let need = match &key.default {
            _ if key.required => "required".to_owned(),
            Some(default) => format!("default {default}"),
            None => "optional".to_owned(),
        };
        let line = format!("  {:<path$}  {:<value$}  {need:<13} {}", key.path, key.value, key.description);
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn schema(seen: &Inspection) -> Result<Value> {
    match seen.description.config_schema.as_str() {
        "" => Ok(Value::Null),
        text => serde_json::from_str(text).context("its configuration schema is no JSON"),
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Pacing => "pacing function",
        Kind::Metric => "metric",
        Kind::Policy => "policy",
        Kind::StatefulPolicy => "stateful policy",
        Kind::Packer => "packer",
        _ => "plugin",
    }
}

/// What each import gives access to.
fn grants(seen: &Inspection) -> Vec<Value> {
    let grant = |import: &String| {
        let name = import.rsplit('/').next().unwrap_or(import).split('@').next().unwrap_or_default();
        let grant = match name {
            "types" => "types alone, no function",
            "logging" => "lines for the log: 64 a call, 1 KiB each",
            "dataset" => "number of samples, values of the columns that `[columns]` of the run file names; never a token",
            "streams" => "orders over samples, whose positions are in the run's state",
            "plan" => "the batch that is being planned",
            "pacings" => "difficulties by the functions that `[pacing.*]` of the run file names",
            _ => "unknown to this release",
        };
        json!({"import": name, "grant": grant})
    };
    seen.imports.iter().map(grant).collect()
}

/// A hint for packers that the host has without a sandbox.
fn native(seen: &Inspection) -> Option<String> {
    let packer = BinPacker::from_name(&seen.description.name).filter(|_| seen.kind == Kind::Packer)?;
    Some(format!("packer = \"{}\" gives the same bins without a sandbox", packer.name()))
}
