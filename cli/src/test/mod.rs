//! `curricle test`: what the contract promises of a plugin and what its author expects, told in as few lines as will do.

pub(crate) mod config;
mod junit;
mod target;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use curricle::{Error, Fault, FaultKind};
use curricle_harness::{Report, Scenario, Suite, unfinished, unloadable, unreadable};
use indicatif::ProgressBar;
use serde_json::Value;

use self::target::Target;
use crate::terminal;

/// Test plugins: a suite that every plugin takes, and the scenarios of its author.
///
/// Each is the folder of a project, which is built first, or a `.wasm` file from whatever language. The suite asks two instances and two
/// processes the same, saves and restores at every step, draws configurations from the schema, and so on, over synthetic datasets of up to
/// 10 000 000 samples. Then the scenarios run, `scenarios/*.toml` of a project. Exit code 4 if anything failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle test                                   # the project in this folder
  curricle test my-policy --quick --only scenario
  curricle test my-policy --update                # write the snapshots of the scenarios anew
  curricle test x.wasm --config '{\"steps\": 9}' --scenario warm.toml
  curricle test x.wasm --junit report.xml

docs/testing.md has every check and the keys of a scenario.")]
pub(crate) struct Args {
    /// Folders of projects, or `.wasm` files.
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    plugins: Vec<PathBuf>,
    /// Configuration to try it with: a JSON object, or a file of JSON or TOML. That of the first scenario, or one drawn from the schema, if
    /// left out.
    #[arg(long, value_name = "FILE|JSON")]
    config: Option<String>,
    /// A scenario besides those of the project; may be given again.
    #[arg(long, value_name = "FILE")]
    scenario: Vec<PathBuf>,
    /// Makes only the checks and scenarios whose name contains this.
    #[arg(long, value_name = "WORD")]
    only: Option<String>,
    /// Leaves out the dataset of 10 000 000 samples.
    #[arg(long)]
    quick: bool,
    /// Uses datasets of so many samples only.
    #[arg(long, value_name = "N", conflicts_with = "quick", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    samples: Option<u64>,
    /// Writes the snapshots of the scenarios instead of comparing with them.
    #[arg(long)]
    update: bool,
    /// Writes what came of it as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Prints what came of it as JSON.
    #[arg(long)]
    json: bool,
    /// Prints what the plugin answers to the questions of the check `another-process`.
    #[arg(long, hide = true)]
    answers: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let config = args.config.as_deref().map(config::read).transpose()?;
    if args.answers {
        return answer(&args, config);
    }
    let mut reports = Vec::new();
    for plugin in &args.plugins {
        if let Err(error) = test_all(&args, config.as_ref(), plugin, &mut reports) {
            if let Some(path) = &args.junit {
                // What ran before is kept, and a file of an earlier run does not pass for one of this.
                reports.push(unfinished(plugin, &format!("{error:#}")));
                curricle::atomic::write(path, junit::write(&reports)?.as_bytes())?;
            }
            return Err(error);
        }
    }
    let failed: usize = reports.iter().map(Report::failed).sum();
    let all: usize = reports.iter().map(|report| report.checks.len()).sum();
    if args.json {
        terminal::print_json(&serde_json::json!({ "ok": failed == 0, "plugins": reports }))?;
    }
    if let Some(path) = &args.junit {
        curricle::atomic::write(path, junit::write(&reports)?.as_bytes())?;
    }
    if failed > 0 {
        return Err(lost(&reports, failed, all).into());
    }
    if all == 0 {
        return Err(Error::Config {
            place: "--only".into(),
            problem: format!("no check and no scenario has `{}` in its name", args.only.unwrap_or_default()),
            remedy: "leave it out to see the names".into(),
        }
        .into());
    }
    if !args.json {
        terminal::say(format_args!("{all} ok"))?;
    }
    Ok(())
}

/// The plugins of one folder or file.
fn test_all(args: &Args, config: Option<&Value>, plugin: &Path, reports: &mut Vec<Report>) -> Result<()> {
    for target in target::find(plugin)? {
        let report = test(args, config, &target)?;
        if !args.json {
            write!(io::stdout().lock(), "{report}").context("cannot write to standard output")?;
        }
        reports.push(report);
    }
    Ok(())
}

/// One plugin: the suite, then the scenarios.
fn test(args: &Args, config: Option<&Value>, target: &Target) -> Result<Report> {
    let paths: Vec<&PathBuf> = target.scenarios.iter().chain(&args.scenario).collect();
    let read: Vec<(&PathBuf, Result<Scenario, Error>)> = paths.iter().map(|path| (*path, Scenario::read(path))).collect();
    let mut suite = match Suite::of(&target.component) {
        Ok(suite) => suite,
        Err(error) if error.code().starts_with("plugin-") => return Ok(unloadable(&target.component, &error)),
        Err(error) => return Err(error.into()),
    };
    // Of a plugin that needs columns or a configuration the first scenario says which.
    let model = read.iter().find_map(|(path, scenario)| scenario.as_ref().ok().filter(|s| !s.expects_refusal()).map(|s| (*path, s)));
    if let Some((_, scenario)) = model {
        suite = suite.like(scenario);
    }
    if let Some(config) = config {
        suite = suite.config(config.clone());
    }
    if args.quick {
        suite = suite.quick();
    }
    if let Some(n) = args.samples {
        suite = suite.samples(n);
    }
    if let Some(word) = &args.only {
        suite = suite.only(word);
    }
    let bar = progress(&suite.names(), &suite.description().name);
    let shown = bar.clone();
    suite = suite.command(target.again(&args.scenario)).interrupted(terminal::interrupted).progress(move |name| {
        shown.set_message(name.to_owned());
        shown.inc(1);
    });
    let (component, scenario) = (target.component.clone(), model.map(|(path, _)| path.clone()));
    suite = suite.in_another_process(move |config| ask_another_process(&component, scenario.as_deref(), config));

    let mut report = suite.run()?;
    bar.finish_and_clear();
    let again = target.again(&args.scenario);
    for (path, scenario) in read {
        let name = format!("scenario {}", path.file_stem().unwrap_or_default().to_string_lossy());
        if args.only.as_ref().is_some_and(|word| !name.contains(word.as_str())) {
            continue;
        }
        match scenario {
            Ok(scenario) => {
                let scenario = scenario.update(args.update).command(target.again(&args.scenario)).interrupted(terminal::interrupted);
                match scenario.run(&target.component) {
                    Ok(more) => report.append(more),
                    Err(error @ (Error::Interrupted { .. } | Error::Internal { .. })) => return Err(error.into()),
                    // What the others came to is worth telling.
                    Err(error) => report.checks.push(unreadable(path, &error, &again)),
                }
            }
            Err(error) => report.checks.push(unreadable(path, &error, &again)),
        }
    }
    Ok(report)
}

/// A bar over the checks of a plugin.
fn progress(checks: &[&str], plugin: &str) -> ProgressBar {
    terminal::progress(checks.len() as u64, "checks", plugin)
}

/// The answers of a process that is made for them.
fn ask_another_process(component: &Path, scenario: Option<&Path>, config: &Value) -> io::Result<String> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("test").arg(component).arg("--answers").arg("--config").arg(config.to_string());
    if let Some(scenario) = scenario {
        command.arg("--scenario").arg(scenario);
    }
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Ok(format!("it failed: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

/// What the other process does.
fn answer(args: &Args, config: Option<Value>) -> Result<()> {
    let path = args.plugins.first().context("`--answers` takes a component")?;
    let mut suite = Suite::of(path)?;
    if let Some(scenario) = args.scenario.first() {
        suite = suite.like(&Scenario::read(scenario)?);
    }
    if let Some(config) = config {
        suite = suite.config(config);
    }
    write!(io::stdout().lock(), "{}", suite.answers()?).context("cannot write to standard output")
}

/// What `curricle` ends with when something failed.
fn lost(reports: &[Report], failed: usize, all: usize) -> Error {
    let first = reports.iter().find(|report| !report.is_ok());
    let plugin = first.map(|report| if report.plugin.is_empty() { &report.file } else { &report.plugin });
    Error::from(Box::new(Fault {
        kind: FaultKind::Contract,
        plugin: plugin.cloned().unwrap_or_default(),
        call: "test".into(),
        step: None,
        problem: format!("{failed} of {all} checks failed"),
        remedy: "each is told with the command that shows it again".into(),
        deterministic: true,
        log: Vec::new(),
    }))
}
