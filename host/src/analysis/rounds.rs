//! Rounds over the dataset, or over a part of it: threads, progress, the journal.

use std::{
    fs::File,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};

use super::{
    Options, Progress,
    chunks::{Blocks, Depth, Reader},
    goal::Goal,
    journal::{Folder, Round, Saved},
    line::{Line, Sink},
    tree::{Joined, Tree},
    values::ValueFile,
};
use crate::{
    Error, Result,
    dataset::Dataset,
    plugin::{Metric, MetricPlugin},
};

/// Time between two looks at how far the workers are.
const PULSE: Duration = Duration::from_millis(50);
/// Time between two entries in the journal. At an entry the workers wait for the slowest of them, which may take a twentieth of the time.
const JOURNAL: Duration = Duration::from_secs(2);
/// Stack of a worker: a guest's 512 KiB and room for the host.
const STACK: usize = 2 << 20;

/// One thread's tools.
struct Worker {
    metric: Metric,
    reader: Reader,
}

/// Threads with an instance of the metric each.
pub(super) struct Team {
    pool: ThreadPool,
    workers: Vec<Worker>,
}

impl Team {
    /// So many threads, of which one has the first instance.
    pub(super) fn new(plugin: &MetricPlugin, first: Metric, threads: usize) -> Result<Team> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).thread_name(|i| format!("curricle-analyze-{i}"));
        let pool = pool.build().map_err(|e| Error::data(format!("cannot start {threads} threads: {e}"), "ask for fewer"))?;
        let others = pool.install(|| (1..threads).into_par_iter().map(|_| plugin.instantiate()).collect::<Result<Vec<_>>>())?;
        let workers = std::iter::once(first).chain(others).map(|metric| Worker { metric, reader: Reader::default() }).collect();
        Ok(Team { pool, workers })
    }

    /// Number of threads.
    pub(super) fn threads(&self) -> usize {
        self.workers.len()
    }

    /// Gives all instances the result of a pass.
    pub(super) fn finish(&mut self, pass: u32, merged: &[u8]) -> Result<()> {
        let Team { pool, workers } = self;
        let results: Vec<Result<()>> = pool.install(|| workers.par_iter_mut().map(|worker| worker.metric.finish(pass, merged)).collect());
        results.into_iter().collect()
    }

    /// The result of a pass over everything.
    pub(super) fn root(&mut self, pass: u32, tree: Tree) -> Result<Vec<u8>> {
        let Some(Worker { metric, .. }) = self.workers.first_mut() else { return Ok(Vec::new()) };
        tree.finish(|group| metric.merge(pass, group))
    }

    /// What the passes found about the dataset as a whole.
    pub(super) fn totals(&mut self) -> Result<Vec<f64>> {
        self.workers.first_mut().map_or(Ok(Vec::new()), |worker| worker.metric.totals())
    }

    /// Lets the instances go, whose memory is better used for sorting, and does it on the threads.
    pub(super) fn disband<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        let Team { pool, workers } = self;
        pool.install(|| workers.into_par_iter().for_each(drop));
        pool.install(work)
    }
}

/// What the rounds share.
pub(super) struct Work<'a> {
    pub(super) goal: &'a Goal,
    pub(super) dataset: &'a Dataset,
    pub(super) blocks: &'a Blocks,
    /// The blocks to be gone over: all, or those of a part.
    pub(super) range: Range<u64>,
    pub(super) options: &'a Options<'a>,
    /// Tokens gone through.
    pub(super) tokens: AtomicU64,
}

impl Work<'_> {
    /// Threads that are of use.
    pub(super) fn threads(&self) -> usize {
        let wanted = match self.options.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        wanted.min(usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX)).max(1)
    }

    /// Samples from the first block of the range to a block.
    pub(super) fn samples_to(&self, block: u64) -> u64 {
        self.blocks.samples_in(block).saturating_sub(self.blocks.samples_in(self.range.start))
    }

    /// Makes the pass after those that `merged` has the results of.
    pub(super) fn pass(&self, team: &mut Team, merged: &[Vec<u8>], saved: Saved, journal: &mut Keeper<'_>) -> Result<Tree> {
        let pass = merged.len() as u32;
        let first = saved.blocks.unwrap_or(self.range.start);
        let tree = Tree::restore(pass, saved.nodes, first);
        let (dataset, blocks, tokens, depth) = (self.dataset, self.blocks, &self.tokens, self.depth(pass));
        let read = |worker: &mut Worker, block: u64| {
            let Worker { metric, reader } = worker;
            let mut joined = Joined::default();
            let n_tokens = reader.read(dataset, blocks, block, depth, |samples| {
                metric.accumulate(pass, samples)?;
                let partial = metric.partial(pass)?;
                joined.push(partial, |group| metric.merge(pass, group))
            })?;
            tokens.fetch_add(n_tokens, Ordering::Relaxed);
            joined.finish(|group| metric.merge(pass, group))
        };
        let look = |tree: &mut Tree, blocks: u64| (Round { blocks, nodes: tree.nodes(), value_type: None }, None);
        self.round(team, first, tree, read, look, merged, journal)
    }

    /// Measures every sample, after all passes.
    pub(super) fn measure(&self, team: &mut Team, merged: &[Vec<u8>], saved: Saved, journal: &mut Keeper<'_>) -> Result<ValueFile> {
        let first = saved.blocks.unwrap_or(self.range.start);
        let values = ValueFile::open(&journal.folder.values(), self.samples_to(first), saved.value_type)?;
        let (dataset, blocks, tokens, depth) = (self.dataset, self.blocks, &self.tokens, self.depth(merged.len() as u32));
        let read = |worker: &mut Worker, block: u64| {
            let Worker { metric, reader } = worker;
            let mut found = Vec::new();
            let n_tokens = reader.read(dataset, blocks, block, depth, |samples| {
                found.push(metric.measure(samples)?);
                Ok(())
            })?;
            tokens.fetch_add(n_tokens, Ordering::Relaxed);
            Ok(found)
        };
        let look = |values: &mut ValueFile, blocks: u64| {
            (Round { blocks, nodes: Vec::new(), value_type: values.value_type() }, Some(values.flush()))
        };
        self.round(team, first, values, read, look, merged, journal)
    }

    fn depth(&self, round: u32) -> Depth {
        match (self.goal.needs.tokens, round) {
            (false, _) => Depth::Lengths,
            (true, 0) => Depth::Checked,
            (true, _) => Depth::Tokens,
        }
    }

    /// Goes over the range once, from a block on.
    #[expect(clippy::too_many_arguments, reason = "what two kinds of rounds differ in")]
    fn round<S: Sink>(
        &self,
        team: &mut Team,
        first: u64,
        sink: S,
        read: impl Fn(&mut Worker, u64) -> Result<S::Found> + Sync,
        look: impl Fn(&mut S, u64) -> (Round, Option<Result<File>>),
        merged: &[Vec<u8>],
        journal: &mut Keeper<'_>,
    ) -> Result<S> {
        let line = Line::new(first..self.range.end, team.workers.len(), sink);
        let mut stopped = false;
        let mut kept = Ok(());
        team.pool.in_place_scope(|scope| {
            for worker in team.workers.iter_mut() {
                let (line, read) = (&line, &read);
                let join = |worker: &mut Worker, merge: super::line::Merge| {
                    let pass = merge.pass;
                    merge.make(|group| worker.metric.merge(pass, group))
                };
                scope.spawn(move |_| line.serve(worker, read, join));
            }
            loop {
                if !stopped && self.options.interrupted.is_some_and(|interrupted| interrupted()) {
                    stopped = true;
                    line.stop();
                }
                let seen = line.watch(PULSE);
                if let Some(progress) = self.options.progress {
                    progress(Progress {
                        rounds_done: merged.len() as u32,
                        rounds: self.goal.rounds(),
                        samples: self.samples_to(seen.delivered),
                        n_samples: self.samples_to(self.range.end),
                        tokens: self.tokens.load(Ordering::Relaxed),
                    });
                }
                if seen.over {
                    break;
                }
                if !stopped && journal.is_due() {
                    let began = Instant::now();
                    let seen = line.at_rest(&look);
                    kept = journal.keep(self.goal, merged, seen, began.elapsed());
                    if kept.is_err() {
                        stopped = true;
                        line.stop();
                    }
                }
            }
        });
        kept?;
        let (mut sink, delivered) = line.finish()?;
        if delivered < self.range.end {
            journal.keep(self.goal, merged, look(&mut sink, delivered), Duration::ZERO)?;
            let doing = format!("analyzing `{}`", self.dataset.path().display());
            return Err(Error::Interrupted { doing, remedy: "the same command goes on from here".to_owned() });
        }
        Ok(sink)
    }
}

/// Keeps the journal.
pub(super) struct Keeper<'a> {
    folder: &'a mut Folder,
    part: Option<super::Part>,
    /// Whether there is no such result yet.
    is_missing: bool,
    last: Instant,
    pause: Duration,
}

impl Keeper<'_> {
    pub(super) fn new(folder: &mut Folder, part: Option<super::Part>, is_missing: bool) -> Keeper<'_> {
        Keeper { folder, part, is_missing, last: Instant::now(), pause: JOURNAL }
    }

    /// Notes that what comes next is the result. Of one that is only made once more, nobody could tell later whether it was put in place.
    pub(super) fn finishing(&self) -> Result<()> {
        if self.is_missing { self.folder.finishing(false) } else { Ok(()) }
    }

    fn is_due(&self) -> bool {
        self.last.elapsed() >= self.pause
    }

    fn keep(&mut self, goal: &Goal, merged: &[Vec<u8>], (round, values): (Round, Option<Result<File>>), waited: Duration) -> Result<()> {
        if let Some(values) = values {
            values?.sync_data().map_err(Error::io("write", self.folder.values()))?;
        }
        self.folder.save(&goal.provenance, self.part, merged, &round)?;
        self.last = Instant::now();
        self.pause = JOURNAL.max(waited * 20);
        Ok(())
    }
}
