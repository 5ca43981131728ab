//! `curricle doctor`: which compilers of plugins this machine has, and how to get the others.

mod probe;

use std::io::Write;

use anyhow::Result;
use serde_json::json;

use self::probe::{Finding, PROBES, Probe};

/// Say which toolchains for plugins are here, and how to get the others.
///
/// A language can be left out without harm: each is needed for `curricle build` of plugins in that language alone, and a `.wasm` file needs none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle doctor
  curricle doctor --check                      # compile a little with each, which takes up to a minute
  curricle doctor --json")]
pub(crate) struct Args {
    /// Compile a little with each toolchain that was found, and say whether it works.
    #[arg(long)]
    check: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints a line for each language; what is missing is no failure.
pub(crate) fn run(args: &Args) -> Result<()> {
    let findings: Vec<(&Probe, Option<Finding>, Option<bool>)> = PROBES
        .iter()
        .map(|probe| {
            let finding = (probe.find)();
            let works = finding.as_ref().filter(|_| args.check).map(|finding| finding.wanted.is_none() && (probe.check)(finding));
            (probe, finding, works)
        })
        .collect();
    let mut out = std::io::stdout().lock();
    if args.json {
        let rows: Vec<_> = findings.iter().map(|(probe, finding, works)| row(probe, finding.as_ref(), *works)).collect();
        writeln!(out, "{:#}", json!({ "toolchains": rows }))?;
        return Ok(());
    }
    for (probe, finding, works) in &findings {
        match (finding, works) {
            (None, _) => writeln!(out, "{:<11} missing: {}", probe.language, probe.mend)?,
            (Some(Finding { path, version: Some(version), wanted: Some(wanted) }), _) => {
                writeln!(out, "{:<11} {path} is {version}, and {wanted} or later is needed: {}", probe.language, probe.mend)?;
            }
            (Some(finding), Some(false)) => {
                writeln!(out, "{:<11} {} does not work: {}", probe.language, finding.path, probe.mend)?;
            }
            (Some(finding), works) => {
                let version = finding.version.as_deref().unwrap_or("of an unknown version");
                let works = if works.is_some() { ", works" } else { "" };
                writeln!(out, "{:<11} {} {version} ({}){works}", probe.language, probe.tool, finding.path)?;
            }
        }
    }
    Ok(())
}

fn row(probe: &Probe, finding: Option<&Finding>, works: Option<bool>) -> serde_json::Value {
    let old = finding.is_some_and(|finding| finding.wanted.is_some());
    let mend = (finding.is_none() || old || works == Some(false)).then_some(probe.mend);
    json!({
        "language": probe.language,
        "tool": probe.tool,
        "found": finding.is_some(),
        "version": finding.and_then(|finding| finding.version.clone()),
        "path": finding.map(|finding| finding.path.clone()),
        "works": works,
        "mend": mend,
    })
}
