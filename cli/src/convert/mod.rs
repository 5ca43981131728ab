//! `curricle convert-deepspeed`: from DeepSpeed's configuration to a run file, and what became of each key.

mod json;
mod notes;
mod options;
mod problem;
mod keys;
mod draft;
mod sizes;
mod schedule;
mod curriculum;
mod tokens;
mod ltd;
mod run_file;
mod translate;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Result;
use curricle::{Error, dataset::Dataset};
use serde_json::json;

use self::{
    notes::{Fate, Notes},
    options::Options,
    translate::translate,
};
use crate::terminal;

/// Makes a run file of a DeepSpeed configuration, and says what became of each of its keys.
///
/// Reads `data_efficiency` (curriculum learning, dynamic batching, random-LTD), the older `curriculum_learning`, batch sizes and
/// `dataloader_drop_last`; the rest is left to DeepSpeed. What DeepSpeed would ignore in silence is an error: unknown keys, keys in the wrong
/// block, a switch above or below that does not agree. All errors are told at once, with line and remedy, and nothing is written then.
/// docs/deepspeed.md is the guide.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle convert-deepspeed ds_config.json
  curricle convert-deepspeed ds_config.json --dataset corpus --world-size 64 --out curricle.toml
  curricle convert-deepspeed ds_config.json --dataset my-gpt2_text_document --sequence-length 2049 --json | jq .keys")]
pub(crate) struct Args {
    /// DeepSpeed's configuration, as JSON.
    #[arg(value_name = "DS_CONFIG")]
    config: PathBuf,
    /// Dataset of the run, for the run file. If it is there, its mean length decides how many samples dynamic batching keeps in hand.
    #[arg(long, value_name = "PATH")]
    dataset: Option<PathBuf>,
    /// Takes sequences of so many tokens for samples, instead of documents.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sequence_length: Option<u32>,
    /// Data-parallel ranks, where the configuration gives too few batch sizes to tell.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    world_size: Option<u32>,
    /// Where the run file goes; `-` or nothing prints it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replaces a file that is there.
    #[arg(long)]
    force: bool,
    /// Prints run file, keys and errors as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let name = args.config.display().to_string();
    let input = curricle::atomic::read_text(&args.config)?;
    let out = args.out.as_deref().filter(|out| *out != Path::new("-"));
    if let Some(out) = out
        && !args.force
        && out.symlink_metadata().is_ok()
    {
        return Err(wrong("--out", format!("`{}` is there", out.display()), "name another file, or add --force to replace it"));
    }
    let options = Options {
        dataset: args.dataset.as_deref().map(|path| from_folder_of(out, path)).transpose()?,
        sequence_length: args.sequence_length,
        world_size: args.world_size,
        mean_length: args.dataset.clone().map(|path| -> Box<dyn Fn() -> Option<f64>> { Box::new(move || mean_length(&path)) }),
    };
    let file_name = args.config.file_name().unwrap_or_default().to_string_lossy();
    let (text, notes) = translate(&input, &file_name, &options);
    if args.json {
        terminal::print_json(&json!({
            "config": name,
            "out": text.as_ref().and(out),
            "run_file": text,
            "keys": notes.keys.iter().map(|note| {
                let (fate, detail) = words(&note.fate);
                json!({ "path": note.path, "line": note.line, "fate": fate, "detail": detail })
            }).collect::<Vec<_>>(),
            "to_do": notes.to_do,
            "problems": notes.problems.iter().map(|p| {
                json!({ "path": p.path, "line": p.line, "problem": p.problem, "remedy": p.remedy })
            }).collect::<Vec<_>>(),
        }))?;
    }
    let Some(text) = text else {
        if !args.json {
            for problem in &notes.problems {
                let place = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
                writeln!(io::stderr(), "{name}:{}: {place}{}; {}", problem.line, problem.problem, problem.remedy)?;
            }
        }
        let n = notes.problems.len();
        let found = if n == 1 { "1 thing is wrong".to_owned() } else { format!("{n} things are wrong") };
        return Err(wrong(&name, found, "correct the configuration and convert again; no run file was made"));
    };
    if let Some(out) = out {
        curricle::atomic::write(out, text.as_bytes())?;
    }
    if !args.json {
        match out {
            Some(out) => {
                report(&mut io::stdout().lock(), &notes)?;
                eprintln!("wrote {} ({} bytes)", out.display(), text.len());
            }
            None => {
                report(&mut io::stderr().lock(), &notes)?;
                io::stdout().lock().write_all(text.as_bytes())?;
            }
        }
    }
    Ok(())
}

fn wrong(place: &str, problem: String, remedy: &str) -> anyhow::Error {
    Error::Config { place: place.to_owned(), problem, remedy: remedy.to_owned() }.into()
}

/// A path as the run file has to name it: relative paths there start from its own folder.
fn from_folder_of(out: Option<&Path>, path: &Path) -> Result<String> {
    let elsewhere = out.and_then(Path::parent).is_some_and(|folder| !folder.as_os_str().is_empty());
    let path = if elsewhere { std::path::absolute(path).map_err(Error::io("find", path))? } else { path.to_owned() };
    match path.to_str() {
        Some(path) => Ok(path.to_owned()),
        None => Err(wrong("--dataset", format!("`{}` is no UTF-8, which a run file is", path.display()), "rename it")),
    }
}

/// Tokens of a document on average, if the dataset is on this machine and opens without further options. It is for a guess that the user can
/// correct, so that what stands in the way is no error.
fn mean_length(path: &Path) -> Option<f64> {
    match Dataset::open(path) {
        Ok(dataset) if !dataset.is_empty() => Some(dataset.n_tokens() as f64 / dataset.len() as f64),
        Ok(_) => None,
        Err(error) => {
            tracing::info!(%error, "the mean length is not known");
            None
        }
    }
}

/// A word for programs, and what there is to say.
fn words(fate: &Fate) -> (&'static str, &str) {
    match fate {
        Fate::Translated(to) => ("translated", to),
        Fate::NotNeeded(why) => ("not-needed", why),
        Fate::Model(why) => ("model", why),
        Fate::Deepspeed => ("left-to-deepspeed", "it has nothing to do with data"),
    }
}

/// Says what became of every key.
fn report(out: &mut impl Write, notes: &Notes) -> io::Result<()> {
    let headings = [("translated", "translated"), ("not-needed", "not needed"), ("model", "the model's, not the data's")];
    for (fate, heading) in headings {
        let notes: Vec<_> = notes.keys.iter().filter(|note| words(&note.fate).0 == fate).collect();
        if notes.is_empty() {
            continue;
        }
        writeln!(out, "{heading}:")?;
        for note in notes {
            writeln!(out, "  line {}, {}: {}", note.line, note.path, words(&note.fate).1)?;
        }
    }
    let left: Vec<&str> = notes.keys.iter().filter(|note| note.fate == Fate::Deepspeed).map(|note| note.path.as_str()).collect();
    if !left.is_empty() {
        writeln!(out, "left to DeepSpeed: {}", left.join(", "))?;
    }
    if !notes.to_do.is_empty() {
        writeln!(out, "to do:")?;
        for (n, to_do) in notes.to_do.iter().enumerate() {
            writeln!(out, "  {}. {to_do}", n + 1)?;
        }
    }
    Ok(())
}
