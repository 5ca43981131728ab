use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result, bail, ensure};
use curricle::{
    RankDigest, Run, RunConfig, Sampler, SamplerState,
    batch::{Batch, MicroBatch},
};
use curricle_tests::{Corpus, command, token};
use serde_json::{Map, Value, json};

use super::cells::{Cell, Resumed};

/// Steps of each run; `epochs` ends one earlier, with a smaller batch.
pub(super) const STEPS: u64 = 8;
const GLOBAL: u32 = 48;
const SAMPLES: u64 = 150;

/// What all ranks of a cell give out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// For each rank the lines that `curricle sample --tokens` prints.
    pub(super) lines: Vec<Vec<String>>,
    /// For each rank the state in the end.
    pub(super) states: Vec<String>,
}

/// The global batch of a step, whatever ranks it was cut for.
#[derive(Debug, PartialEq, Eq)]
struct Global {
    digest: String,
    rank_digest: RankDigest,
    /// Id and length of each sample, in the global order.
    samples: Vec<(u64, u32)>,
    annotations: String,
}

/// A corpus, and what is known to come out of it.
pub(super) struct Bench {
    pub(super) corpus: Corpus,
    known: Mutex<BTreeMap<Vec<usize>, Arc<Outcome>>>,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench { corpus: Corpus::new(SAMPLES), known: Mutex::default() }
    }

    /// Runs a cell and compares it with the plainest way to get the same lines.
    pub(super) fn check(&self, cell: Cell) -> Result<()> {
        let found = if cell.in_processes() { self.in_processes(cell)? } else { self.in_this_process(cell)? };
        same(&found, &*self.expected(cell)?)
    }

    /// What a cell has to give out. The plain cell that it is compared with is itself held against the corpus and the plainest one.
    pub(super) fn expected(&self, cell: Cell) -> Result<Arc<Outcome>> {
        let plain = cell.plain();
        let key = plain.key().to_vec();
        if let Some(known) = self.known.lock().ok().and_then(|known| known.get(&key).cloned()) {
            return Ok(known);
        }
        let (outcome, global) = self.plain(plain)?;
        let (whole, expected) = self.plain(plain.plainest())?;
        ensure!(!expected.is_empty() && global == expected, "{plain}: another order than in one rank");
        ensure!(outcome.states.iter().all(|state| *state == whole.states[0]), "{plain}: another state than in one rank");
        let outcome = Arc::new(outcome);
        if let Ok(mut known) = self.known.lock() {
            known.insert(key, outcome.clone());
        }
        Ok(outcome)
    }

    /// Runs a plain cell, checks the tokens of every sample, and joins the slices of the ranks.
    fn plain(&self, cell: Cell) -> Result<(Outcome, Vec<Global>)> {
        let mut outcome = Outcome { lines: Vec::new(), states: Vec::new() };
        let mut ranks: Vec<Vec<(Batch, RankDigest)>> = Vec::new();
        for rank in 0..cell.ranks() {
            let run = self.open(cell, rank)?;
            let mut sampler = Sampler::start(&run)?;
            let mut batches = Vec::new();
            while batches.len() < STEPS as usize
                && let Some(batch) = sampler.next_batch()?
            {
                batches.push((batch, sampler.rank_digest()));
            }
            outcome.lines.push(batches.iter().map(|(batch, digest)| line(&run, batch, *digest)).collect());
            outcome.states.push(sampler.state().to_json());
            ranks.push(batches);
        }
        let steps = ranks[0].len();
        ensure!(ranks.iter().all(|rank| rank.len() == steps), "ranks with more steps than others");
        let global = (0..steps).map(|step| {
            let ranks: Vec<&(Batch, RankDigest)> = ranks.iter().map(|rank| &rank[step]).collect();
            RankDigest::agree(&ranks.iter().map(|(_, digest)| *digest).collect::<Vec<_>>())?;
            join(&ranks)
        });
        Ok((outcome, global.collect::<Result<_>>()?))
    }

    fn in_this_process(&self, cell: Cell) -> Result<Outcome> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(cell.threads()).build()?;
        pool.install(|| {
            let mut outcome = Outcome { lines: Vec::new(), states: Vec::new() };
            for rank in 0..cell.ranks() {
                let run = self.open(cell, rank)?;
                let mut sampler = Sampler::start(&run)?;
                let mut lines = Vec::new();
                for step in 0..STEPS {
                    let breaks = match cell.resumed(STEPS) {
                        Resumed::Never => false,
                        Resumed::EveryStep => step > 0,
                        Resumed::Once(at) => step == at,
                    };
                    if breaks {
                        let state = SamplerState::from_json(&sampler.state().to_json(), "memory")?;
                        sampler = Sampler::resume(&self.open(cell, rank)?, &state)?;
                    }
                    let Some(batch) = sampler.next_batch()? else { break };
                    lines.push(line(&run, &batch, sampler.rank_digest()));
                }
                outcome.lines.push(lines);
                outcome.states.push(sampler.state().to_json());
            }
            Ok(outcome)
        })
    }

    fn in_processes(&self, cell: Cell) -> Result<Outcome> {
        let folder = tempfile::tempdir_in(self.corpus.path(""))?;
        let run = self.run_file(cell, folder.path())?;
        let ends: Vec<u64> = match cell.resumed(STEPS) {
            Resumed::Never => vec![STEPS],
            Resumed::EveryStep => (1..=STEPS).collect(),
            Resumed::Once(at) => vec![at, STEPS],
        };
        let mut start = 0;
        for end in ends {
            let children = (0..cell.ranks()).map(|rank| {
                let file = |end: &str| folder.path().join(format!("{rank}.{end}"));
                sample(&mut command(), &run, start..end)
                    .args(["--dp-rank", &rank.to_string(), "--dp-world-size", &cell.ranks().to_string(), "--state"])
                    .arg(file("json"))
                    .arg("--out")
                    .arg(file("jsonl"))
                    .env("RAYON_NUM_THREADS", cell.threads().to_string())
                    .env("CURRICLE_CPU", cell.cpu())
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .context("cannot start curricle")
            });
            for child in children.collect::<Result<Vec<_>>>()? {
                let output = child.wait_with_output()?;
                ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
            }
            start = end;
        }
        let read = |rank: u32, end: &str| fs::read_to_string(folder.path().join(format!("{rank}.{end}")));
        let mut outcome = Outcome { lines: Vec::new(), states: Vec::new() };
        for rank in 0..cell.ranks() {
            outcome.lines.push(read(rank, "jsonl")?.lines().map(String::from).collect());
            outcome.states.push(read(rank, "json")?.trim_end().to_owned());
        }
        Ok(outcome)
    }

    fn open(&self, cell: Cell, rank: u32) -> Result<Run> {
        let config = RunConfig::parse(&text(cell, "data"), "run.toml", self.corpus.path(""))?;
        Ok(Run::open(config)?.with_rank(rank, cell.ranks())?)
    }

    /// Writes the run file of a cell into a folder.
    pub(super) fn run_file(&self, cell: Cell, folder: &Path) -> Result<PathBuf> {
        let path = folder.join("run.toml");
        fs::write(&path, text(cell, &self.corpus.path("data").display().to_string()))?;
        Ok(path)
    }
}

/// `curricle sample --tokens`, in front of it perhaps another program.
pub(super) fn sample<'a>(command: &'a mut Command, run: &Path, steps: std::ops::Range<u64>) -> &'a mut Command {
    command.arg("sample").arg(run).args(["--tokens", "--steps", &format!("{}..{}", steps.start, steps.end)])
}

/// The run file of a cell.
fn text(cell: Cell, dataset: &str) -> String {
    let tokens = cell.policy() == "tokens";
    let division = if tokens { String::new() } else { format!("micro-batch-size = {}\n", cell.micro_batch(GLOBAL)) };
    // Under a budget it is the number of samples in hand.
    let global = if tokens { 2 * GLOBAL } else { GLOBAL };
    let layout = match cell.layout() {
        "rows" => "layout = \"rows\"\nrow-length = 40\npacker = { plugin = \"first-fit\" }\n",
        "padded" => "layout = \"padded\"\npad-token = 9\n",
        _ => "",
    };
    let curriculum = "[policy]\nplugin = \"curriculum\"\n[policy.config]\nmetrics = [\
        { column = \"length\", by = \"value\", pacing = \"length\" }, { column = \"hardness\", by = \"percentile\", pacing = \"hard\" }]\n\
        [pacing.length]\nkind = \"linear\"\nmin = 8\nmax = 40\nsteps = 5\nquantum = 4\n\
        [pacing.hard]\nkind = \"root\"\nmin = 40\nmax = 100\nsteps = 6\nquantum = 10\n";
    let (top, batch, policy) = match cell.policy() {
        "epochs" => ("epochs = 2\n", "", "[policy]\nplugin = \"uniform\"\n"),
        "curriculum" => ("", "", curriculum),
        "mixture" => (
            "",
            "",
            "[policy]\nplugin = \"mixture\"\n[policy.config]\ncolumn = \"domain\"\ninterpolate = true\n\
             schedule = [{ step = 0, weights = { code = 1.0, prose = 3.0 } }, { step = 6, weights = { code = 2.0, tables = 1.0 } }]\n",
        ),
        "truncated" => (
            "",
            "truncate = \"grow\"\n",
            "[policy]\nplugin = \"uniform\"\n[random-ltd]\npacing = \"grow\"\nlayers = 2\ntotal-layers = 4\n\
             [pacing.grow]\nkind = \"plugin\"\nplugin = \"cosine\"\nconfig = { min = 4, max = 33, steps = 7 }\n",
        ),
        "tokens" => (
            "",
            "[batch.tokens]\nmax-tokens = 60\nmicro-batches = 24\norder = \"length\"\nlearning-rate = \"linear\"\nbase-batch-size = 24\n",
            curriculum,
        ),
        _ => ("", "", "[policy]\nplugin = \"uniform\"\n"),
    };
    format!(
        "seed = 7\nprefetch = {}\n{top}[dataset]\npath = {dataset:?}\n[batch]\nglobal-batch-size = {global}\n{division}{layout}\
         values = [\"hardness\"]\n{batch}{policy}",
        cell.prefetch()
    )
}

/// The line that the command prints for a batch.
fn line(run: &Run, batch: &Batch, rank_digest: RankDigest) -> String {
    let micro_batch = |m: &MicroBatch| {
        let values: Map<String, Value> =
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
    let annotations: Map<String, Value> = batch.annotations.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "step": batch.step,
        "dp_rank": run.shape().dp_rank(),
        "dp_world_size": run.shape().dp_world_size(),
        "micro_batches": batch.micro_batches.iter().map(micro_batch).collect::<Value>(),
        "annotations": annotations,
        "digest": batch.digest.to_string(),
        "rank_digest": rank_digest.to_string(),
    })
    .to_string()
}

/// The slices of all ranks as one batch, the tokens of every sample held against the corpus.
fn join(ranks: &[&(Batch, RankDigest)]) -> Result<Global> {
    let (first, rank_digest) = ranks[0];
    let mut samples = Vec::new();
    for a in 0..first.micro_batches.len() {
        for (batch, _) in ranks {
            ensure!(batch.digest == first.digest && batch.step == first.step, "ranks differ at step {}", first.step);
            let m = batch.micro_batches.get(a).context("a rank with fewer micro-batches")?;
            for (i, (id, length)) in m.ids.iter().zip(&m.lengths).enumerate() {
                let expected: Vec<u8> = (0..*length).flat_map(|t| token(*id, t).to_le_bytes()).collect();
                ensure!(m.sample(i) == Some(&expected), "step {}: tokens of sample {id}", first.step);
                samples.push((*id, *length));
            }
        }
    }
    Ok(Global { digest: first.digest.to_string(), rank_digest: *rank_digest, samples, annotations: format!("{:?}", first.annotations) })
}

/// Compares to the letter, and says where the first difference is.
pub(super) fn same(found: &Outcome, expected: &Outcome) -> Result<()> {
    for (rank, (found, expected)) in found.lines.iter().zip(&expected.lines).enumerate() {
        ensure!(found.len() == expected.len(), "rank {rank}: {} steps instead of {}", found.len(), expected.len());
        if let Some((step, (found, expected))) = found.iter().zip(expected).enumerate().find(|(_, (found, expected))| found != expected) {
            bail!("rank {rank}, step {step}:\n  found    {found}\n  expected {expected}");
        }
    }
    ensure!(found.states == expected.states, "states in the end:\n  found    {:?}\n  expected {:?}", found.states, expected.states);
    ensure!(found == expected, "{} ranks instead of {}", found.lines.len(), expected.lines.len());
    Ok(())
}
