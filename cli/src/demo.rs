//! `curricle demo`: the main job on text that every machine has which built this project.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::terminal;

/// Runs the main job from files on disk to batches, with nothing to download.
///
/// It imports the sources, READMEs and manifests in cargo's registry folder (at most 64 MiB), or Python's library where the command came with the
/// Python package and there is no cargo. It analyzes them, runs two policies, kills a run half way and resumes it, and checks that the batches are
/// the same as without the break. A report and two pictures stay behind.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder to work in; what an earlier demo left there is replaced.
    #[arg(long, value_name = "DIR", default_value = "demo")]
    dir: PathBuf,
    /// Folder of text, with files that end in .rs, .md and .toml, to use instead.
    #[arg(long, value_name = "DIR")]
    text: Option<PathBuf>,
}

const STEPS: u64 = 400;
const DIES_AFTER: u64 = STEPS / 2 + 5;

const CURRICULUM: &str = include_str!("../../examples/curriculum.toml");
const MIXTURE: &str = include_str!("../../examples/mixture.toml");

/// Folders that a demo leaves and the next one replaces.
const LEFT: [&str; 4] = ["corpus", "corpus.partial", "curriculum", "mixture"];

/// Files that it leaves beside them.
const WRITTEN: [&str; 5] = ["curriculum.toml", "mixture.toml", "curriculum.svg", "mixture.svg", "report.md"];

/// Says that a folder is a demo's.
const MARKER: &str = ".curricle-demo";

pub(crate) fn run(args: Args) -> Result<()> {
    let started = Instant::now();
    let text = match args.text {
        Some(folder) => Text::of_cargo(folder),
        None => Text::find()?,
    };
    fs::create_dir_all(&args.dir).with_context(|| format!("cannot make `{}`", args.dir.display()))?;
    let marker = args.dir.join(MARKER);
    if !marker.exists() {
        // All of it before anything is replaced.
        let taken = LEFT.iter().chain(&WRITTEN).map(|name| args.dir.join(name)).find(|path| path.exists());
        if let Some(path) = taken {
            bail!("`{}` is there and no demo made it; name another folder with --dir, or move it away", path.display());
        }
    }
    for left in LEFT {
        let path = args.dir.join(left);
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("cannot replace `{}`", path.display()))?;
        }
    }
    curricle::atomic::write(&marker, b"A demo works here, and replaces what an earlier one left.\n")?;
    let demo = Demo { dir: args.dir };
    let corpus = demo.path("corpus");

    say("Import text as a dataset, a byte a token, the kind of file as its domain")?;
    let from = path(&text.folder);
    demo.curricle(&["import", &from, "--out", &corpus, "--include", text.include, "--domain", text.domain, "--max-size", "64MiB"])?;
    say("Measure every sample with metric plugins")?;
    demo.curricle(&["analyze", &corpus, "--metric", "seqlen", "--metric", "vocab-rarity"])?;
    demo.curricle(&["info", &corpus])?;

    let mut report = Report::default();
    for (name, run_file) in [("curriculum", CURRICULUM), ("mixture", MIXTURE)] {
        say(&format!("Plan, assemble, kill and resume: {name}"))?;
        demo.try_policy(name, &text.in_words_of(run_file), &mut report)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let file = demo.dir.join("report.md");
    curricle::atomic::write(&file, report.text(seconds).as_bytes())?;
    terminal::say(format_args!("\n{}", report.text(seconds)))?;
    terminal::say(format_args!("The report is {}, the pictures lie beside it.", file.display()))?;
    Ok(())
}

fn say(what: &str) -> Result<()> {
    terminal::say(format_args!("\n== {what}"))
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Texts that a machine has, and what kinds of them there are.
struct Text {
    folder: PathBuf,
    include: &'static str,
    /// What makes a kind, as `curricle import --domain` has it.
    domain: &'static str,
    /// The kinds, in place of prose, sources and manifests.
    kinds: [&'static str; 3],
}

/// Where the Python package says that Python's library is.
const PYTHON_LIBRARY: &str = "CURRICLE_PYTHON_LIBRARY";

/// The kinds in the example's run file.
const KINDS: [&str; 3] = ["md", "rs", "toml"];

impl Text {
    fn of_cargo(folder: PathBuf) -> Text {
        Text { folder, include: "rs,md,toml", domain: "extension", kinds: KINDS }
    }

    /// Where cargo keeps the sources of what it built, or else Python's library.
    fn find() -> Result<Text> {
        let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
        let sources = cargo_home.context("neither CARGO_HOME nor HOME is set; name a folder of text with --text")?.join("registry/src");
        if sources.is_dir() {
            return Ok(Text::of_cargo(sources));
        }
        match std::env::var_os(PYTHON_LIBRARY).map(PathBuf::from).filter(|library| library.is_dir()) {
            // Packages that every Python has.
            Some(folder) => Ok(Text { folder, include: "py", domain: "folder", kinds: ["email", "asyncio", "encodings"] }),
            None => bail!("`{}` does not exist; name a folder of text with --text", sources.display()),
        }
    }

    /// A run file of the examples with these kinds.
    fn in_words_of(&self, run_file: &str) -> String {
        KINDS
            .iter()
            .zip(self.kinds)
            .fold(run_file.to_owned(), |text, (from, to)| text.replace(&format!("{from} = 0."), &format!("{to} = 0.")))
    }
}

struct Demo {
    dir: PathBuf,
}

impl Demo {
    fn path(&self, name: &str) -> String {
        path(&self.dir.join(name))
    }

    /// Runs this very program, as a person would, and shows the command.
    fn spawn(&self, args: &[&str]) -> Result<ExitStatus> {
        terminal::say(format_args!("$ curricle {}", args.join(" ")))?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        Command::new(program).args(args).status().context("cannot run this program again")
    }

    fn curricle(&self, args: &[&str]) -> Result<()> {
        let status = self.spawn(args)?;
        ensure!(status.success(), "`curricle {}` ended with {status}", args.join(" "));
        Ok(())
    }

    fn try_policy(&self, name: &str, run_file: &str, report: &mut Report) -> Result<()> {
        fs::create_dir(self.dir.join(name))?;
        let inside = |file: &str| path(&self.dir.join(name).join(file));
        let run = self.path(&format!("{name}.toml"));
        fs::write(&run, run_file)?;
        let picture = path(&self.dir.join(format!("{name}.svg")));
        let steps = STEPS.to_string();
        self.curricle(&["simulate", &run, "--steps", &steps, "--csv", &inside("draws.csv"), "--plot", &picture])?;

        let range = format!("0..{STEPS}");
        let (whole, broken) = (inside("whole.jsonl"), inside("broken.jsonl"));
        let started = Instant::now();
        self.curricle(&["sample", &run, "--steps", &range, "--tokens", "--out", &whole])?;
        let seconds = started.elapsed().as_secs_f64();

        let state = inside("state.json");
        let common = ["sample", &run, "--steps", &range, "--tokens", "--out", &broken, "--state", &state, "--save-every", "16"];
        let dies_after = DIES_AFTER.to_string();
        let status = self.spawn(&[&common[..], &["--die-after", &dies_after]].concat())?;
        ensure!(!status.success(), "the run was to be killed after step {DIES_AFTER} and was not");
        terminal::say(format_args!("  (killed: {status})"))?;
        self.curricle(&common)?;

        // Split over two ranks, the same global batches.
        let ranks = [inside("rank0.jsonl"), inside("rank1.jsonl")];
        for (rank, out) in ranks.iter().enumerate() {
            let rank = rank.to_string();
            self.curricle(&["sample", &run, "--steps", &range, "--dp-rank", &rank, "--dp-world-size", "2", "--out", out])?;
        }
        report.add(name, read(&whole)?, read(&broken)?, [read(&ranks[0])?, read(&ranks[1])?], seconds)
    }
}

/// Lines by step. A run that was killed has printed some steps twice: both lines must say the same.
fn read(path: &str) -> Result<BTreeMap<u64, Value>> {
    let mut lines = BTreeMap::new();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{path}`"))?;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).with_context(|| format!("`{path}` holds a broken line"))?;
        let step = line["step"].as_u64().context("a line without a step")?;
        if let Some(earlier) = lines.insert(step, line.clone())
            && earlier != line
        {
            bail!("`{path}`: step {step} was not the same before and after the break");
        }
    }
    Ok(lines)
}

#[derive(Default)]
struct Report {
    rows: Vec<String>,
}

impl Report {
    fn add(
        &mut self,
        name: &str,
        whole: BTreeMap<u64, Value>,
        broken: BTreeMap<u64, Value>,
        ranks: [BTreeMap<u64, Value>; 2],
        seconds: f64,
    ) -> Result<()> {
        ensure!(whole.len() as u64 == STEPS, "{name}: {} steps of {STEPS}", whole.len());
        ensure!(whole == broken, "{name}: the resumed run gave other batches than the whole one");
        for (step, line) in &whole {
            let ids = |line: &Value| -> Vec<u64> {
                let micro_batches = line["micro_batches"].as_array().into_iter().flatten();
                micro_batches.flat_map(|m| m.get("ids").unwrap_or(m).as_array().into_iter().flatten()).filter_map(Value::as_u64).collect()
            };
            let halves = [ids(&ranks[0][step]), ids(&ranks[1][step])];
            ensure!(ranks.iter().all(|rank| rank[step]["digest"] == line["digest"]), "{name}: step {step}: ranks disagree");
            // The halves interleave by micro-batch, so they are compared as sets of the same size.
            let (mut joined, mut all) = (halves.concat(), ids(line));
            joined.sort_unstable();
            all.sort_unstable();
            ensure!(joined == all, "{name}: step {step}: two ranks do not share out the global batch");
        }
        let tokens: u64 = whole
            .values()
            .flat_map(|line| line["micro_batches"].as_array().into_iter().flatten())
            .flat_map(|m| m["lengths"].as_array().into_iter().flatten())
            .filter_map(Value::as_u64)
            .sum();
        let last = &whole[&(STEPS - 1)]["digest"];
        self.rows.push(format!("| `{name}` | {STEPS} | {tokens} | {seconds:.2} s | {} |", last.as_str().unwrap_or_default()));
        Ok(())
    }

    fn text(&self, seconds: f64) -> String {
        format!(
            "# What the demo did\n\n\
             Each policy ran {STEPS} steps three times: whole; killed after step {DIES_AFTER} and resumed from its last saved state; and\n\
             planned by two ranks. All three agreed in every id, token and digest.\n\n\
             | policy | steps | tokens | whole run, process and all | digest of the last batch |\n| --- | --: | --: | --: | --- |\n{}\n\n\
             ![what curriculum sampled](curriculum.svg)\n\n![what mixture sampled](mixture.svg)\n\n\
             The demo took {seconds:.0} s.\n",
            self.rows.join("\n")
        )
    }
}
