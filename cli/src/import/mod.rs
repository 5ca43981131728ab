//! `curricle import`: from text to a dataset.
//!
//! The way of a document: [`files`] lists where documents come from, [`reader`] takes them out in order, [`prepare`] makes tokens of them
//! on all threads, [`output`] appends them and knows how to go on after a break.

mod options;
mod files;
mod lines;
mod rows;
mod reader;
mod tokenize;
mod prepare;
mod journal;
mod output;
mod place;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result};
use curricle::{
    Error,
    dataset::{Dialect, TokenType},
};
use rayon::prelude::*;
use serde_json::json;

use self::{
    files::Sources,
    journal::{Job, Journal},
    options::{Domain, parse_size},
    output::{Opened, Output},
    prepare::{Prepared, Recipe},
    reader::Reader,
    tokenize::Tokenizer,
};
use crate::terminal;

/// Most categories that the summary lists.
const LISTED: usize = 20;

/// Makes a dataset of text: files, JSONL or Parquet.
///
/// SOURCE is a folder of text files, each of which is a document; or a file of documents: JSON lines (.jsonl or .ndjson, plain, .gz or
/// .zst, also .json.gz and .json.zst) or Parquet; or a folder of such files. Documents are taken in the order of the files' relative paths.
/// Hidden files and folders and symbolic links are passed over. Documents without text are skipped.
///
/// DIR becomes a folder with `tokens.bin` and `tokens.idx` (as Megatron-LM and DeepSpeed before 0.13.3 write them; tokens as narrow as the
/// vocabulary allows: `uint8` up to 256, `uint16` up to 65 536, else `int32`),
/// `dataset.json` and, unless the domain is `none`, `columns/domain.arrow`. The work is done in `DIR.partial`: after a kill or Ctrl-C the
/// same command goes on from there, and the result is the same to the byte. Where it has done all of it, it says so and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle import src --out corpus --include rs,md,toml --domain extension     # a byte a token
  curricle import c4/ --out c4-gpt2 --tokenizer gpt2/tokenizer.json --append-end 50256
  curricle import pile.jsonl.zst --out pile --domain field:meta.pile_set_name --max-size 10GiB
  curricle import wiki.parquet --out wiki --text-field body")]
pub(crate) struct Args {
    /// Folder or file to read.
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// Folder to make.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What makes tokens: `bytes` (a byte is a token, a vocabulary of 256) or a `tokenizer.json` of Hugging Face. Special tokens are not
    /// added, truncation and padding that it asks for are left out.
    #[arg(long, value_name = "bytes|FILE", default_value = "bytes")]
    tokenizer: String,
    /// What the domain of a document is: `folder` (of text files the first folder below SOURCE, of JSONL and Parquet the file's name),
    /// `extension` (of text files), `field:NAME` (of JSONL and Parquet; dots lead into nested JSON) or `none`. By default `folder` if there is
    /// more than one, else `extension` for text files and `none` for others.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<Domain>,
    /// Field or column that holds the text, of JSONL and Parquet; dots lead into nested JSON.
    #[arg(long, value_name = "NAME", default_value = "text")]
    text_field: String,
    /// Extensions of the files to take from a folder, separated by commas; by default all.
    #[arg(long, value_name = "EXT,…", value_delimiter = ',')]
    include: Vec<String>,
    /// Stops before the documents' text gets larger than this: `500MB`, `64MiB`.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_size: Option<u64>,
    /// Token to put behind each document.
    #[arg(long, value_name = "ID")]
    append_end: Option<u32>,
    /// Whose type codes `tokens.idx` has, which matters for `uint16`: `megatron`, `deepspeed` (from 0.13.3 on), `deepspeed-before-0.13.3`.
    #[arg(long, value_name = "DIALECT", default_value_t)]
    dialect: Dialect,
    /// Replaces DIR if it is a dataset, and a DIR.partial that another command has begun.
    #[arg(long)]
    force: bool,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
    /// Saves what is needed to go on after so many bytes of tokens, or after a few seconds.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "64MiB", hide = true)]
    save_every: u64,
    /// Kills this process, as hard as the system can, after so many documents: to try out going on.
    #[arg(long, value_name = "N", hide = true)]
    die_after: Option<u64>,
}

/// What the files, the options and the plan come to.
struct Import {
    sources: Sources,
    domain: Domain,
    tokenizer: Tokenizer,
    job: Job,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let started = Instant::now();
    let import = plan(&args)?;
    let mut made = true;
    let journal = match Output::open(&args.out, &import.job, import.tokenizer.token_type(), args.save_every, args.force)? {
        Opened::Finished(journal) => {
            made = false;
            journal
        }
        Opened::Output(mut output) => {
            if output.kept() > 0 {
                tracing::info!(documents = output.kept(), "going on with an earlier import");
            }
            if let Err(error) = pump(&args, &import, &mut output) {
                return Err(stopped(error, &args.out, *output));
            }
            if output.journal().documents == 0 {
                output.abandon()?;
                return Err(nothing(&args, &import).into());
            }
            let kept = output.journal().documents;
            output.finish(args.dialect, manifest(&args, &import)).map_err(|error| with_advice(error, &args.out, kept))?
        }
    };
    report(&args, &import, &journal, made, started.elapsed().as_secs_f64())
}

fn plan(args: &Args) -> Result<Import> {
    let tokenizer = Tokenizer::open(&args.tokenizer, args.append_end)?;
    let mut sources = Sources::list(&args.source, &args.include, &args.out)?;
    let domain = sources.assign_domains(args.domain.as_ref())?;
    let mut options: BTreeMap<String, String> = [
        ("--tokenizer", tokenizer.identity()),
        ("--domain", domain.to_string()),
        ("program", concat!("curricle ", env!("CARGO_PKG_VERSION")).to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    if sources.are_records() {
        options.insert("--text-field".to_owned(), args.text_field.clone());
    }
    options.extend(args.max_size.map(|size| ("--max-size".to_owned(), size.to_string())));
    if args.dialect != Dialect::default() {
        options.insert("--dialect".to_owned(), args.dialect.to_string());
    }
    options.extend(args.append_end.map(|id| ("--append-end".to_owned(), id.to_string())));
    let job = Job { options, sources: sources.digest() };
    Ok(Import { sources, domain, tokenizer, job })
}

/// Takes documents from the files to the output, until there are no more or they are too large.
fn pump(args: &Args, import: &Import, output: &mut Output) -> curricle::Result<()> {
    let recipe = Recipe { files: &import.sources.files, tokenizer: &import.tokenizer, text: &args.text_field, domain: &import.domain };
    let fields = (args.text_field.as_str(), import.domain.field());
    let mut reader = Reader::new(&import.sources.files, fields, output.journal().next);
    let bar = terminal::progress(import.sources.size(args.max_size), "bytes", "importing");
    let mut batch = reader.next_batch()?;
    'batches: while !batch.is_empty() {
        if terminal::interrupted() {
            output.save()?;
            bar.finish_and_clear();
            let remedy = format!("run the same command again to go on from document {}", output.journal().documents);
            return Err(Error::Interrupted { doing: "importing".into(), remedy });
        }
        // The next batch is read while this one is made into tokens. Neither depends on how many threads there are.
        let (next, prepared) = rayon::join(
            || reader.next_batch(),
            || batch.into_par_iter().map(|item| recipe.prepare(item)).collect::<Vec<curricle::Result<Prepared>>>(),
        );
        for document in prepared {
            let document = document?;
            let size = output.journal().text_bytes.saturating_add(document.text_bytes);
            if args.max_size.is_some_and(|max| size > max) {
                break 'batches;
            }
            output.push(document)?;
            die(args, output.journal().documents);
        }
        bar.set_position(reader.progress());
        batch = next?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Dies where `--die-after` says.
fn die(args: &Args, documents: u64) {
    if args.die_after == Some(documents) {
        let id = std::process::id().to_string();
        let killed = std::process::Command::new("kill").args(["-KILL", &id]).status();
        tracing::error!(?killed, "still alive");
    }
}

/// Leaves what a later go can use, and nothing else.
fn stopped(error: Error, out: &Path, output: Output) -> anyhow::Error {
    let kept = output.kept();
    if kept == 0
        && let Err(error) = output.abandon()
    {
        tracing::warn!(%error, "an empty folder is left behind");
    }
    with_advice(error, out, kept)
}

/// Failures that the data are not to blame for leave something to go on from.
fn with_advice(error: Error, out: &Path, kept: u64) -> anyhow::Error {
    if kept == 0 || !matches!(error, Error::Io { .. }) {
        return error.into();
    }
    let place = partial_of(out);
    let context = format!("the import stopped; {kept} documents are kept in `{}`, and the same command goes on from them", place.display());
    anyhow::Error::from(error).context(context)
}

fn nothing(args: &Args, import: &Import) -> Error {
    let problem = match args.max_size {
        Some(max) if !import.sources.files.is_empty() => {
            format!("no document with text that fits `--max-size` ({max} bytes) was found in {} files", import.sources.files.len())
        }
        _ => format!("no document with text was found in {} files", import.sources.files.len()),
    };
    Error::Dataset { path: args.source.clone(), problem, remedy: "check SOURCE, `--include`, `--text-field` and `--max-size`".into() }
}

fn manifest(args: &Args, import: &Import) -> serde_json::Map<String, serde_json::Value> {
    let facts = [
        ("vocab_size", json!(import.tokenizer.vocab_size())),
        ("tokenizer", import.tokenizer.description()),
        ("append_end", json!(args.append_end)),
        ("domain", json!(import.domain.to_string())),
        ("source", json!(args.source.to_string_lossy())),
    ];
    facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Tells what there is, and whether it was made or found.
fn report(args: &Args, import: &Import, journal: &Journal, made: bool, seconds: f64) -> Result<()> {
    let token_type: TokenType = import.tokenizer.token_type();
    let passed = &import.sources.passed;
    let mut categories = journal.categories.clone();
    categories.sort();
    if args.json {
        let categories: serde_json::Map<_, _> = categories.into_iter().map(|(name, n)| (name, json!(n))).collect();
        return terminal::print_json(&json!({
            "out": args.out.to_string_lossy(),
            "made": made,
            "files": import.sources.files.len(),
            "documents": journal.documents,
            "tokens": journal.tokens,
            "text_bytes": journal.text_bytes,
            "vocab_size": import.tokenizer.vocab_size(),
            "token_type": token_type.name(),
            "domain": import.domain.to_string(),
            "categories": categories,
            "skipped": {
                "empty": journal.empty,
                "hidden": passed.hidden,
                "links": passed.links,
                "special": passed.special,
                "not_included": passed.not_included,
            },
            "seconds": seconds,
        }))
        .context("cannot print the summary");
    }
    let content = format!(
        "{} documents as {} tokens (vocabulary {}, {})",
        journal.documents,
        journal.tokens,
        import.tokenizer.vocab_size(),
        token_type.name()
    );
    let out = args.out.display();
    match made {
        true => terminal::say(format_args!("imported {content} into `{out}` in {seconds:.1} s"))?,
        false => terminal::say(format_args!("`{out}` is complete: this command has imported {content} into it"))?,
    }
    if !categories.is_empty() {
        categories.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let listed: Vec<String> = categories.iter().take(LISTED).map(|(name, n)| format!("{name} {n}")).collect();
        let more = categories.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        terminal::say(format_args!("domain ({}): {}{more}", import.domain, listed.join(", ")))?;
    }
    let skipped = [
        (journal.empty, "empty documents"),
        (passed.hidden, "hidden files and folders"),
        (passed.links, "symbolic links"),
        (passed.special, "special files"),
        (passed.not_included, "files of other extensions"),
    ];
    let skipped: Vec<String> = skipped.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if !skipped.is_empty() {
        terminal::say(format_args!("skipped: {}", skipped.join(", ")))?;
    }
    Ok(())
}

/// Where the work for `out` is done.
fn partial_of(out: &Path) -> PathBuf {
    let mut name = out.components().as_path().as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// A source that is at fault.
fn bad_source(path: impl Into<PathBuf>, problem: impl std::fmt::Display, remedy: impl std::fmt::Display) -> Error {
    Error::Dataset { path: path.into(), problem: problem.to_string(), remedy: remedy.to_string() }
}

/// An option that is at fault.
fn bad_option(option: &str, problem: impl std::fmt::Display, remedy: impl std::fmt::Display) -> Error {
    Error::Config { place: format!("`{option}`"), problem: problem.to_string(), remedy: remedy.to_string() }
}
