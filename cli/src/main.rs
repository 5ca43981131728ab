//! The `curricle` command.

mod analyze;
mod bench;
mod build;
mod columns;
mod convert;
mod dataset_options;
mod demo;
mod doctor;
mod import;
mod info;
mod inspect;
mod join;
mod merge;
mod metric_options;
mod new;
mod project;
mod registry;
mod run_options;
mod sample;
mod simulate;
mod summary;
mod terminal;
mod test;
mod text;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Feeds model trainers: datasets, columns, and batches planned by sandboxed plugins.
///
/// Exit codes: 0 done; 2 wrong command line or run file; 3 data that is damaged, missing or does not fit; 4 a plugin failed; 5 the system
/// refused (a file, a full disk); 6 a defect of this program; 130 interrupted; 1 anything else.
#[derive(Debug, Parser)]
#[command(name = "curricle", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// What to log to standard error: a level (`info`, `debug`) or a filter such as `curricle::plugin=debug`.
    #[arg(long, global = true, value_name = "FILTER", default_value = "warn", env = "CURRICLE_LOG")]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Import(import::Args),
    Join(join::Args),
    Info(info::Args),
    Inspect(inspect::Args),
    Analyze(analyze::Args),
    Columns(columns::Args),
    Merge(merge::Args),
    Simulate(simulate::Args),
    Sample(sample::Args),
    New(new::Args),
    Build(build::Args),
    Test(test::Args),
    Bench(bench::Args),
    Doctor(doctor::Args),
    Lock(registry::LockArgs),
    Pull(registry::PullArgs),
    Push(registry::PushArgs),
    ConvertDeepspeed(convert::Args),
    Demo(demo::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = terminal::start_log(&cli.log) {
        eprintln!("error: {error:#}");
        return ExitCode::from(2);
    }
    terminal::catch_interrupts();
    let done = match cli.verb {
        Verb::Import(args) => import::run(args),
        Verb::Join(args) => join::run(args),
        Verb::Info(args) => info::run(args),
        Verb::Inspect(args) => inspect::run(args),
        Verb::Analyze(args) => analyze::run(args),
        Verb::Columns(args) => columns::run(args),
        Verb::Merge(args) => merge::run(args),
        Verb::Simulate(args) => simulate::run(args),
        Verb::Sample(args) => sample::run(args),
        Verb::New(args) => new::run(args),
        Verb::Build(args) => build::run(args),
        Verb::Test(args) => test::run(args),
        Verb::Bench(args) => bench::run(args),
        Verb::Doctor(args) => doctor::run(&args),
        Verb::Lock(args) => registry::lock(args),
        Verb::Pull(args) => registry::pull(args),
        Verb::Push(args) => registry::push(args),
        Verb::ConvertDeepspeed(args) => convert::run(args),
        Verb::Demo(args) => demo::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if terminal::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            terminal::exit_code(&error)
        }
    }
}
