//! `curricle sample`: the batches of a run, as a program reads them.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use curricle::{Run, Sampler, SamplerState, atomic::Claim, batch::Batch};
use serde_json::{Value, json};

use crate::{run_options::RunOptions, terminal};

/// Prints the batches of one rank as JSON lines.
///
/// Each line has `step`, `dp_rank`, `dp_world_size`, `micro_batches` (lists of sample ids), `annotations` and the `digest` of the global
/// batch, which is the same on every rank, with a `rank_digest` that says what is not the same where it differs. With --tokens the batches are assembled as a trainer would get them, and each micro-batch comes
/// with its shape, lengths, column values and a checksum of its tokens.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle sample curricle.toml --steps 0..3
  curricle sample curricle.toml --steps 1000..1010 --dp-rank 3 --dp-world-size 8
  curricle sample curricle.toml --steps 0..100 --tokens --state state.json --save-every 10   # goes on after a kill
  curricle sample curricle.toml --steps 100..200 --resume state.json --allow plugin-change,config-change")]
pub(crate) struct Args {
    #[command(flatten)]
    run: RunOptions,
    /// Steps to print, the end not included: `A..B`.
    #[arg(long, value_parser = parse_range, value_name = "A..B", default_value = "0..1")]
    steps: Range<u64>,
    /// Rank to print instead of the run file's.
    #[arg(long, requires = "dp_world_size", value_name = "R")]
    dp_rank: Option<u32>,
    /// Number of ranks instead of the run file's.
    #[arg(long, value_name = "W")]
    dp_world_size: Option<u32>,
    /// Assembles the tokens too, on the prefetching thread.
    #[arg(long)]
    tokens: bool,
    /// Saves the state here at the end, and goes on from it if it exists. Meanwhile `FILE.lock` keeps other processes from it.
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    state: Option<PathBuf>,
    /// Saves the state after every N steps too.
    #[arg(long, value_name = "N", requires = "state", value_parser = clap::value_parser!(u64).range(1..))]
    save_every: Option<u64>,
    /// Appends the lines to a file instead of printing them; they are on disk before the state that comes after them.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Kills this process, as hard as the system can, after a step: to try out resuming.
    #[arg(long, value_name = "STEP", hide = true)]
    die_after: Option<u64>,
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let parsed = text.split_once("..").and_then(|(a, b)| Some(a.trim().parse().ok()?..b.trim().parse().ok()?));
    match parsed {
        Some(range) if range.start <= range.end => Ok(range),
        _ => Err(format!("`{text}` is no range of steps; write `0..100` for the first hundred")),
    }
}

pub(crate) fn run(args: Args) -> Result<()> {
    let mut run = args.run.open()?;
    if let Some(world) = args.dp_world_size {
        run = run.with_rank(args.dp_rank.unwrap_or(0), world)?;
    }
    // Before the work, not after it.
    if let Some(folder) = args.state.as_ref().and_then(|path| path.parent()).filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::metadata(folder).with_context(|| format!("cannot save a state in `{}`; make the folder first", folder.display()))?;
    }
    // Before the state is read, which another process may be about to replace.
    let _claim = args.state.as_ref().map(Claim::of).transpose()?;
    let mut state = args.run.state()?;
    if let Some(path) = args.state.as_ref().filter(|path| path.exists()) {
        state = Some(SamplerState::load(path)?);
    }
    let first = state.as_ref().map_or(0, SamplerState::step);
    if first > args.steps.start && args.state.is_none() {
        bail!("the state stands at step {first}, past the first step asked for ({})", args.steps.start);
    }
    let mut out = Lines::open(args.out.as_deref(), args.state.is_some())?;
    if args.tokens {
        print_batches(&args, &run, state.as_ref(), &mut out)?;
    } else {
        print_plans(&args, &run, state.as_ref(), &mut out)?;
    }
    out.flush()?;
    if terminal::interrupted() {
        return Err(curricle::Error::Interrupted {
            doing: "sampling".into(),
            remedy: if args.state.is_some() { "run the same command again to go on" } else { "name a --state to be able to go on" }.into(),
        }
        .into());
    }
    Ok(())
}

/// Whether the state is due after `step`.
fn due(args: &Args, step: u64) -> bool {
    args.save_every.is_some_and(|n| (step + 1).is_multiple_of(n))
}

/// Dies where `--die-after` says. What was printed is let out first, so that the lines are seen twice after the resume.
fn die(args: &Args, step: u64, out: &mut impl Write) -> Result<()> {
    if args.die_after == Some(step) {
        out.flush()?;
        let id = std::process::id().to_string();
        std::process::Command::new("kill").args(["-KILL", &id]).status().context("cannot run `kill`")?;
    }
    Ok(())
}

/// Lines first, then the state that says they are there.
fn save(args: &Args, state: &SamplerState, out: &mut Lines) -> Result<()> {
    if let Some(path) = &args.state {
        out.sync()?;
        state.save(path)?;
    }
    Ok(())
}

/// Ends with a failure, and keeps what was done before it. A state that cannot be kept is told beside the failure, not in its place.
fn end(args: &Args, state: &SamplerState, out: &mut Lines, failure: curricle::Error) -> Result<()> {
    if let Err(unsaved) = save(args, state, out) {
        tracing::error!("the state as of step {} is not saved: {unsaved:#}", state.step());
    }
    Err(failure.into())
}

/// Where the lines go.
enum Lines {
    Printed(BufWriter<io::StdoutLock<'static>>),
    Kept(BufWriter<File>),
}

impl Lines {
    /// Standard output, or the end of a file. Of a run that goes on from a state, the process that was killed may have left half a line
    /// there, which is cut off. Whatever else the file ends with is somebody's, and stays as a line of its own.
    fn open(path: Option<&Path>, goes_on: bool) -> Result<Lines> {
        let Some(path) = path else { return Ok(Lines::Printed(BufWriter::new(io::stdout().lock()))) };
        let failed = || format!("cannot write to `{}`", path.display());
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path).with_context(failed)?;
        if file.metadata().with_context(failed)?.is_file() {
            // Lines of two runs in one file would be nobody's. The file is never replaced, so it can be its own lock.
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                let problem = format!("another process writes to `{}`", path.display());
                let remedy = "wait until it is done, stop it, or name another file".to_owned();
                return Err(curricle::Error::Config { place: "`--out`".to_owned(), problem, remedy }.into());
            }
            let whole = end_of_last_line(&mut file).with_context(failed)?;
            let mut begins = [0];
            file.seek(SeekFrom::Start(whole)).with_context(failed)?;
            match file.read(&mut begins).with_context(failed)? {
                0 => {}
                _ if goes_on && begins == *b"{" => file.set_len(whole).with_context(failed)?,
                _ => file.write_all(b"\n").with_context(failed)?,
            }
        }
        Ok(Lines::Kept(BufWriter::new(file)))
    }

    /// Makes the lines durable.
    fn sync(&mut self) -> Result<()> {
        self.flush()?;
        if let Lines::Kept(file) = self {
            file.get_ref().sync_data()?;
        }
        Ok(())
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Lines::Printed(out) => out.write(bytes),
            Lines::Kept(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Lines::Printed(out) => out.flush(),
            Lines::Kept(out) => out.flush(),
        }
    }
}

/// Where the last whole line of a file ends.
fn end_of_last_line(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let part = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn print_plans(args: &Args, run: &Run, state: Option<&SamplerState>, out: &mut Lines) -> Result<()> {
    let mut planner = match state {
        Some(state) => run.planner_allowing(state, &args.run.allowed())?,
        None => run.planner()?,
    };
    while planner.state().step() < args.steps.end && !terminal::interrupted() {
        let planned = match planner.plan() {
            Ok(planned) => planned,
            Err(failure) => return end(args, &planner.state(), out, failure),
        };
        let Some(planned) = planned else { break };
        if args.steps.contains(&planned.step) {
            let ids = planned.plan.ids();
            let micro_batches: Vec<&[u64]> = planned.plan.micro_batches(run.shape()).filter_map(|places| ids.get(places)).collect();
            line(
                run,
                planned.step,
                [planned.digest.to_string(), planner.rank_digest().to_string()],
                planned.plan.annotations(),
                json!(micro_batches),
                out,
            )?;
        }
        if due(args, planned.step) {
            save(args, &planner.state(), out)?;
        }
        die(args, planned.step, out)?;
    }
    save(args, &planner.state(), out)
}

fn print_batches(args: &Args, run: &Run, state: Option<&SamplerState>, out: &mut Lines) -> Result<()> {
    let mut sampler = match state {
        Some(state) => Sampler::resume_allowing(run, state, &args.run.allowed())?,
        None => Sampler::start(run)?,
    };
    while sampler.state().step() < args.steps.end && !terminal::interrupted() {
        let batch = match sampler.next_batch() {
            Ok(batch) => batch,
            Err(failure) => return end(args, &sampler.state(), out, failure),
        };
        let Some(batch) = batch else { break };
        if args.steps.contains(&batch.step) {
            line(
                run,
                batch.step,
                [batch.digest.to_string(), sampler.rank_digest().to_string()],
                &batch.annotations,
                described(&batch),
                out,
            )?;
        }
        if due(args, batch.step) {
            save(args, &sampler.state(), out)?;
        }
        die(args, batch.step, out)?;
    }
    save(args, &sampler.state(), out)
}

/// Writes the line of a step; `digests` are that of the batch, and what ranks exchange.
fn line(
    run: &Run,
    step: u64,
    digests: [String; 2],
    annotations: &[(String, f64)],
    micro_batches: Value,
    out: &mut impl Write,
) -> Result<()> {
    let [digest, rank_digest] = digests;
    let annotations: serde_json::Map<String, Value> = annotations.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let line = json!({
        "step": step,
        "dp_rank": run.shape().dp_rank(),
        "dp_world_size": run.shape().dp_world_size(),
        "micro_batches": micro_batches,
        "annotations": annotations,
        "digest": digest,
        "rank_digest": rank_digest,
    });
    writeln!(out, "{line}")?;
    Ok(())
}

fn described(batch: &Batch) -> Value {
    let micro_batch = |m: &curricle::batch::MicroBatch| {
        let values: serde_json::Map<String, Value> =
            batch.value_names.iter().zip(&m.values).map(|(name, values)| (name.clone(), json!(values))).collect();
        json!({
            "ids": m.ids,
            "lengths": m.lengths,
            "shape": m.shape,
            "token_type": m.tokens.token_type().name(),
            "tokens_checksum": m.tokens.checksum(),
            "values": values,
        })
    };
    batch.micro_batches.iter().map(micro_batch).collect()
}
