//! `curricle join`: one `.bin`/`.idx` pair of several.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use curricle::{
    Error,
    dataset::{Dialect, ElementType, IndexedFile, IndexedWriter, Magic, PairFormat},
};
use serde_json::json;

use crate::terminal;

/// Joins `.bin`/`.idx` pairs, in the order given, into one.
///
/// A PAIR is the prefix of a pair, either of its files, or a folder of `curricle import`. All must have elements of one type: tokens, or
/// whatever else such pairs hold. Where documents end is kept. Nothing is held in memory, and until all is written nothing of it can be seen.
/// A single pair is rewritten, which changes its dialect or its kind of index.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle join part-0 part-1 part-2 --out all                 # makes all.bin and all.idx
  curricle join old --out renumbered --dialect deepspeed       # the same items, for DeepSpeed from 0.13.3 on")]
pub(crate) struct Args {
    /// Pairs to join.
    #[arg(value_name = "PAIR", required = true)]
    pairs: Vec<PathBuf>,
    /// Prefix of the pair to make.
    #[arg(long, value_name = "PREFIX")]
    out: PathBuf,
    /// Whose type codes the index has: `megatron`, `deepspeed` (from 0.13.3 on), `deepspeed-before-0.13.3`.
    #[arg(long, value_name = "DIALECT", default_value_t)]
    dialect: Dialect,
    /// Kind of index.
    #[arg(long, value_enum, default_value_t = Kind::Mmap)]
    index: Kind,
    /// Type of the elements, where a pair does not tell it: `uint32`, `float32`.
    #[arg(long, value_name = "TYPE")]
    token_type: Option<ElementType>,
    /// Replaces a pair that is there.
    #[arg(long)]
    force: bool,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// That of Megatron-LM and DeepSpeed.
    Mmap,
    /// The older one, of fairseq and of DeepSpeed's `lazy` and `cached` datasets.
    Tntidx,
}

pub(crate) fn run(args: Args) -> Result<()> {
    // All are opened before the first is copied, so that a misspelt one is told at once.
    let pairs: Vec<IndexedFile> = args.pairs.iter().map(|path| open(path, args.token_type)).collect::<curricle::Result<_>>()?;
    let first = pairs.first().context("a pair is needed")?;
    let element = first.element_type();
    if let Some((pair, path)) = pairs.iter().zip(&args.pairs).find(|(pair, _)| pair.element_type() != element) {
        let shown = args.pairs.first().map_or(Path::new(""), PathBuf::as_path).display();
        let problem = format!("its elements are `{}`, and those of `{shown}` are `{element}`", pair.element_type());
        return Err(Error::Dataset { path: path.clone(), problem, remedy: "join pairs of one type".into() }.into());
    }
    for extension in ["bin", "idx"] {
        let place = with_suffix(&args.out, extension);
        if place.exists() && !args.force {
            let problem = format!("`{}` exists", place.display());
            let remedy = "name another pair, or replace it with `--force`".into();
            return Err(Error::Config { place: "`--out`".into(), problem, remedy }.into());
        }
    }
    let magic = match args.index {
        Kind::Mmap => Magic::MMap,
        Kind::Tntidx => Magic::Tntidx,
    };
    let mut writer = IndexedWriter::create(&args.out, element, PairFormat { magic, dialect: args.dialect })?;
    let bytes = pairs.iter().map(|pair| pair.n_elements().saturating_mul(element.width())).fold(0, u64::saturating_add);
    let bar = terminal::progress(bytes, "bytes", "joining");
    let progress = |done| {
        bar.set_position(done);
        match terminal::interrupted() {
            false => Ok(()),
            true => Err(Error::Interrupted { doing: "joining".into(), remedy: "nothing was written; run the same command again".into() }),
        }
    };
    let done = pairs.iter().try_for_each(|pair| writer.append(pair, &progress)).and_then(|()| writer.finish());
    bar.finish_and_clear();
    done?;
    let made = IndexedFile::open_as(&args.out, element)?;
    if args.json {
        return terminal::print_json(&json!({
            "out": args.out.to_string_lossy(),
            "pairs": pairs.len(),
            "items": made.len(),
            "documents": made.document_index().len().saturating_sub(1),
            "elements": made.n_elements(),
            "type": element.name(),
            "dialect": args.dialect.name(),
        }));
    }
    terminal::say(format_args!(
        "joined {} pairs into `{}`: {} items with {} elements of `{element}`",
        pairs.len(),
        args.out.display(),
        made.len(),
        made.n_elements()
    ))
}

fn open(path: &Path, element: Option<ElementType>) -> curricle::Result<IndexedFile> {
    let prefix = if path.is_dir() { path.join("tokens") } else { path.to_owned() };
    match element {
        Some(element) => IndexedFile::open_as(prefix, element),
        None => IndexedFile::open(prefix),
    }
}

/// `path` with `.extension` appended, whatever dots are in it.
fn with_suffix(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}
