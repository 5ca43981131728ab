//! `curricle bench`: what a plugin costs, and against the native build of the same crate.

mod data;
mod measure;
mod native;
mod spread;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use curricle::{
    PacingConfig, PluginConfig,
    plugin::{self, Inspection, Kind},
};
use serde::Deserialize;
use serde_json::{Value, json};

use self::{
    measure::Measured,
    spread::{Spread, time, whole},
};
use crate::{build, project::Project, terminal};

/// Measure what a plugin costs, on data made for it.
///
/// A policy: time and fuel of a step. A metric: tokens a second, of each width. A pacing function, a packer: time and fuel of a call. Of a Rust
/// project the same crate is also built natively and measured on the same data, without a sandbox.
///
/// A policy gets 100 000 samples with the columns `difficulty` (numbers from 0 to 1), `seqlen` (lengths), `domain` (categories), and every column
/// that its configuration names under a key such as `column`: one of numbers, or, beside weights, of the categories that are weighted. Pacing
/// functions that it names under a key such as `pacing` rise from 20 to 100 in 1000 steps, unless the scenario says what they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle bench uniform
  curricle bench my-policy --config '{\"column\": \"difficulty\", \"steps\": 1000}'
  curricle bench my-metric.wasm --json

Times are of this machine and this moment: the middle half of them says how much it shook. Fuel is the same on every machine.")]
pub(crate) struct Args {
    /// A project's folder, which is built first, a `.wasm` file, or the name of a built-in plugin.
    #[arg(value_name = "PLUGIN", default_value = ".")]
    plugin: PathBuf,
    /// The plugin's configuration: JSON, or a file of JSON or TOML. Left out, that of the first of the project's scenarios that has one, with its
    /// pacing functions.
    #[arg(long, value_name = "JSON|FILE")]
    config: Option<String>,
    /// Steps, calls or chunks to measure at most; ten seconds are given to each work.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Measures the sandboxed plugin only, and builds nothing natively.
    #[arg(long)]
    no_native: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (path, project) = if args.plugin.is_dir() {
        let build::Built { path, folder, .. } = built(&args.plugin)?;
        (path, Some(folder))
    } else {
        (plugin::find(&args.plugin.to_string_lossy())?, None)
    };
    let seen = plugin::inspect(&path)?;
    let Setting { config, pacings } = setting(args.config.as_deref(), project.as_deref())?;
    let works = match seen.kind {
        Kind::Policy | Kind::StatefulPolicy => measure::policy(&path, &config, pacings.clone(), args.steps, folder.path())?,
        Kind::Metric => measure::metric(&path, &config, args.steps.min(200))?,
        Kind::Pacing => measure::pacing(&path, &config, args.steps)?,
        Kind::Packer => measure::packer(&path, &config, args.steps)?,
        other => bail!("a plugin of kind {other:?} cannot be measured; use a newer curricle"),
    };
    // As often as in the sandbox, which may have run out of time before.
    let times = works.iter().map(|work| work.time.len() as u64).max().unwrap_or(0);
    let native = match project.filter(|_| !args.no_native) {
        Some(project) => native(&project, seen.kind, &config, &pacings, times)?,
        None => None,
    };
    if args.json {
        return terminal::print_json(&facts(&path, &seen, &config, &works, native.as_ref()));
    }
    print(&seen, &config, &works, native.as_ref())
}

/// The one component of a project, where `curricle test` puts it too.
fn built(project: &Path) -> Result<build::Built> {
    let mut built = build::build(project, &project.join("target").join("curricle"))?;
    match (built.pop(), built.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => bail!("`{}` is a workspace of several plugins; name the folder of one", project.display()),
    }
}

/// What a plugin is measured with.
#[derive(Debug)]
struct Setting {
    config: Value,
    pacings: Pacings,
}

/// Pacing functions by their names.
type Pacings = BTreeMap<String, PacingConfig>;

/// What was given, or is in a scenario, or nothing.
fn setting(given: Option<&str>, project: Option<&Path>) -> Result<Setting> {
    let mut setting = match (given, project) {
        (Some(given), _) => Setting { config: crate::test::config::read(given)?, pacings: Pacings::new() },
        (None, Some(project)) => of_scenarios(&project.join("scenarios"))?,
        (None, None) => Setting { config: json!({}), pacings: Pacings::new() },
    };
    data::pacings(&setting.config, &mut setting.pacings);
    Ok(setting)
}

fn of_scenarios(folder: &Path) -> Result<Setting> {
    let nothing = || Setting { config: json!({}), pacings: Pacings::new() };
    let Ok(entries) = fs::read_dir(folder) else { return Ok(nothing()) };
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let table: toml::Table = toml::from_str(&text).with_context(|| format!("`{}` is no TOML", file.display()))?;
        // Of one that must be refused, nothing can be measured.
        let refused = table.get("expect").is_some_and(|expect| expect.get("refused").is_some());
        if let Some(config) = table.get("config").filter(|_| !refused) {
            let written = table.get("pacing").cloned().map(Pacings::deserialize).transpose();
            let mut pacings = written.with_context(|| format!("`{}`: `pacing`", file.display()))?.unwrap_or_default();
            // What is here beside a scenario is not beside a run that is made for measuring.
            for plugin in
                pacings.values_mut().filter_map(|pacing| if let PacingConfig::Plugin(plugin) = pacing { Some(plugin) } else { None })
            {
                if plugin.plugin.ends_with(".wasm") {
                    plugin.plugin = std::path::absolute(folder.join(&plugin.plugin))?.display().to_string();
                }
            }
            let config = config.as_table().with_context(|| format!("`{}`: `config` is no table", file.display()))?;
            return Ok(Setting { config: PluginConfig::json_of(config, &format!("{}, config", file.display()))?, pacings });
        }
    }
    Ok(nothing())
}

/// Times of the native build, if the project has one; why not, on standard error, if it should have.
fn native(project: &Path, kind: Kind, config: &Value, pacings: &Pacings, times: u64) -> Result<Option<Vec<Spread>>> {
    if !matches!(Project::open(project), Ok(Project::Cargo(_))) {
        return Ok(None);
    }
    match native::measure(project, kind, config, pacings, times) {
        Ok(spreads) => Ok(Some(spreads)),
        Err(error) => {
            // Who asks to stop wants no table without it either.
            terminal::stop_if_asked(true, "measuring natively")?;
            eprintln!("not measured natively: {error:#}");
            Ok(None)
        }
    }
}

fn facts(path: &Path, seen: &Inspection, config: &Value, works: &[Measured], native: Option<&Vec<Spread>>) -> Value {
    let works: Vec<Value> = works
        .iter()
        .enumerate()
        .map(|(i, work)| {
            let native = native.and_then(|native| native.get(i));
            json!({
                "work": work.work,
                "ns": work.time.json(),
                "ns_with_host": work.whole.as_ref().map(Spread::json),
                "fuel": work.fuel.as_ref().map(Spread::json),
                "memory": work.memory,
                "tokens": work.tokens,
                "tokens_per_second": work.tokens.map(|n| rate(n, &work.time)),
                "native_ns": native.map(Spread::json),
                "native_ratio": native.map(|native| work.time.median() / native.median()),
            })
        })
        .collect();
    json!({
        "plugin": seen.description.name,
        "version": seen.description.version,
        "path": path.display().to_string(),
        "sha256": curricle::hex(&seen.sha256),
        "config": config,
        "works": works,
    })
}

/// Tokens a second.
fn rate(tokens: u64, time: &Spread) -> f64 {
    tokens as f64 / time.median() * 1e9
}

fn print(seen: &Inspection, config: &Value, works: &[Measured], native: Option<&Vec<Spread>>) -> Result<()> {
    use crate::terminal::say;
    say(format_args!("{} {}, configuration {config}", seen.description.name, seen.description.version))?;
    for (i, work) in works.iter().enumerate() {
        let n = work.time.len();
        say(format_args!("\n{}: {n} times, middle half within {:.0} % of the median", work.work, work.time.shake() * 100.0))?;
        say(format_args!("  {:<14} {:>10} {:>10} {:>10} {:>10} {:>10}", "", "least", "p50", "p90", "p99", "most"))?;
        let line = |name: &str, five: [String; 5]| {
            let [a, b, c, d, e] = five;
            say(format_args!("  {name:<14} {a:>10} {b:>10} {c:>10} {d:>10} {e:>10}"))
        };
        line("time", work.time.five(time))?;
        if let Some(with_host) = &work.whole {
            line("with the host", with_host.five(time))?;
        }
        if let Some(fuel) = &work.fuel {
            line("fuel", fuel.five(whole))?;
        }
        if let Some(native) = native.and_then(|native| native.get(i)) {
            line("native", native.five(time))?;
            let double = if matches!(seen.kind, Kind::Policy | Kind::StatefulPolicy) {
                ", which draws with the SDK's double of the host"
            } else {
                ""
            };
            say(format_args!("  {:.2} of the native time{double}", work.time.median() / native.median()))?;
        }
        if let Some(tokens) = work.tokens {
            say(format_args!("  {}", crate::summary::rate(rate(tokens, &work.time))))?;
        }
        say(format_args!("  {} KiB of memory", work.memory.div_ceil(1024)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_scenario_that_runs_lends_its_configuration() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of_scenarios(&folder.path().join("none")).unwrap().config, json!({}));
        fs::write(folder.path().join("a.toml"), "[config]\nsteps = 0\n[expect]\nrefused = { by = \"config\", says = \"x\" }").unwrap();
        fs::write(folder.path().join("b.toml"), "steps = 3").unwrap();
        fs::write(folder.path().join("c.toml"), "[config]\nsteps = 9\n[pacing.a]\nkind = \"plugin\"\nplugin = \"p.wasm\"").unwrap();
        let found = of_scenarios(folder.path()).unwrap();
        assert_eq!(found.config, json!({ "steps": 9 }));
        let PacingConfig::Plugin(plugin) = &found.pacings["a"] else { panic!("{:?}", found.pacings) };
        assert_eq!(Path::new(&plugin.plugin), folder.path().join("p.wasm"));
    }
}
