//! The `curricle` command: one module per verb.

mod build;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Feed a model trainer: batches decided by sandboxed plugins.
#[derive(Debug, Parser)]
#[command(version)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Build(build::Args),
}

fn main() -> ExitCode {
    let result = match Command::parse().verb {
        Verb::Build(args) => build::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
