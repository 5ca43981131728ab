//! What all verbs share towards the person or program that called: log, interrupts, progress bars, exit codes.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::EnvFilter;

/// Sends events that pass the filter to standard error.
pub(crate) fn start_log(filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("`--log {filter}` is no filter; try `info` or `curricle=debug`"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(true)
        .init();
    Ok(())
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes the first Ctrl-C a request to stop at the next good moment, and the second one final.
pub(crate) fn catch_interrupts() {
    let caught = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    if let Err(error) = caught {
        tracing::debug!(%error, "interrupts end the process at once");
    }
}

/// Whether somebody asked to stop.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// How long after the end of a child process an interrupt that ended it may still be on its way to the thread that hears it here.
const LAG: Duration = Duration::from_millis(300);

/// An error if somebody asked to stop. For after a child process, which is sent the same signal: whatever it says of its end, or makes of the
/// signal, is no failure of its own. `well` is whether it succeeded.
pub(crate) fn stop_if_asked(well: bool, doing: &str) -> Result<(), curricle::Error> {
    let asked = Instant::now();
    while !well && !interrupted() && asked.elapsed() < LAG {
        std::thread::sleep(Duration::from_millis(5));
    }
    if !interrupted() {
        return Ok(());
    }
    Err(curricle::Error::Interrupted { doing: doing.to_owned(), remedy: "run the same command again".into() })
}

/// A progress bar on standard error, with rate and time left; silent where nobody watches.
pub(crate) fn progress(total: u64, unit: &str, what: &str) -> ProgressBar {
    let bar = if io::stderr().is_terminal() { ProgressBar::new(total) } else { ProgressBar::hidden() };
    let amounts = match unit {
        "bytes" => "{binary_bytes}/{binary_total_bytes}, {binary_bytes_per_sec}".to_owned(),
        unit => format!("{{human_pos}}/{{human_len}} {unit}, {{per_sec}}"),
    };
    if let Ok(style) = ProgressStyle::with_template(&format!("{{msg}} {{wide_bar}} {amounts}, {{eta}} left")) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A line on standard output. `println!` would panic where the reader has gone or the disk is full.
pub(crate) fn say(line: std::fmt::Arguments<'_>) -> Result<()> {
    writeln!(io::stdout().lock(), "{line}").context("cannot write to standard output")
}

/// One line of JSON on standard output.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Whether the reader of a pipe (`head`, say) has gone: no failure of ours.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
            || cause.downcast_ref::<serde_json::Error>().is_some_and(|e| e.io_error_kind() == Some(io::ErrorKind::BrokenPipe))
    })
}

/// The exit code that an error stands for; see `curricle --help`.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let code = error.chain().find_map(|cause| cause.downcast_ref::<curricle::Error>()).map(curricle::Error::code);
    ExitCode::from(match code {
        Some("config") => 2,
        Some("dataset" | "column" | "data" | "state" | "ranks") => 3,
        Some("io") => 5,
        Some("interrupted") => 130,
        Some("internal") => 6,
        Some(code) if code.starts_with("plugin-") => 4,
        None if error.chain().any(|cause| cause.is::<io::Error>()) => 5,
        _ => 1,
    })
}
