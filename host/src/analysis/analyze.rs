//! The whole of it: rounds over the dataset, then the column.

use std::{
    fs,
    fs::File,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};

use super::{
    Options, Progress, Report,
    chunks::{Blocks, Depth, Reader},
    journal::{Folder, Round, Saved},
    line::{Line, Sink},
    tree::Tree,
    values::ValueFile,
};
use crate::{
    Error, Result,
    columns::{Column, ColumnWriter, PluginRef, Provenance},
    dataset::Dataset,
    hex,
    plugin::{Metric, MetricPlugin},
};

/// Time between two looks at how far the workers are.
const PULSE: Duration = Duration::from_millis(50);
/// Time between two entries in the journal. At an entry the workers wait for the slowest of them, which may take a twentieth of the time.
const JOURNAL: Duration = Duration::from_secs(2);
/// Stack of a worker: a guest's 512 KiB and room for the host.
const STACK: usize = 2 << 20;

/// Makes the column at `target` (`<name>.arrow`) out of the answers of a metric for every sample of a dataset. Its folder is made if need
/// be. A column that is there and up to date is left as it is; one that an earlier version of the plugin made, or another configuration, or
/// from other data, is replaced.
///
/// An analysis that was interrupted or killed goes on where it was, and makes the same bytes; work is lost for at most a few seconds. It is
/// kept in the folder `<target>.partial` meanwhile.
///
/// # Errors
/// [`Error::Plugin`] if the metric fails, refuses or answers what it may not (of several samples the first is told); [`Error::Dataset`] if a
/// sample is damaged or holds a token outside of the vocabulary; [`Error::Column`] if `target` is something else, or being made by another
/// process; [`Error::Io`] if the disk is full; [`Error::Interrupted`] if the options say so.
pub fn analyze(dataset: &Dataset, plugin: &MetricPlugin, target: &Path, options: &Options<'_>) -> Result<Report> {
    analyze_in(Blocks::new(dataset), plugin, target, options)
}

/// As [`analyze`], with blocks of any size.
pub(super) fn analyze_in(blocks: Blocks<'_>, plugin: &MetricPlugin, target: &Path, options: &Options<'_>) -> Result<Report> {
    let started = Instant::now();
    let provenance = provenance(blocks.dataset(), plugin);
    if !options.force
        && let Some(column) = existing(target, &provenance)?
    {
        return Ok(Report { column, made: false, continued: false, threads: 0, tokens: 0, elapsed: started.elapsed() });
    }
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    let mut folder = Folder::open(target)?;
    let saved = folder.load(&provenance, |n| blocks.samples_in(n));
    let continued = saved.is_some();
    tracing::info!(target = %target.display(), plugin = plugin.description().name, continued, "analyzing");
    let work = Work { blocks, plugin, provenance, options, tokens: AtomicU64::new(0) };
    let done = work.run(target, &mut folder, saved.unwrap_or_default());
    match done {
        Ok((column, threads)) => {
            folder.remove()?;
            let tokens = work.tokens.into_inner();
            Ok(Report { column, made: true, continued, threads, tokens, elapsed: started.elapsed() })
        }
        Err(error) => {
            if !folder.has_journal() {
                // The error that led here is the one to tell.
                let _ = folder.remove();
            }
            Err(error)
        }
    }
}

fn provenance(dataset: &Dataset, plugin: &MetricPlugin) -> Provenance {
    let description = plugin.description();
    let sha256 = hex(&plugin.sha256());
    Provenance {
        plugin: Some(PluginRef { name: description.name.clone(), version: description.version.clone(), sha256 }),
        config: serde_json::from_str(plugin.config()).unwrap_or_default(),
        ..Provenance::of(dataset.fingerprint().to_string(), dataset.len())
    }
}

/// The column at `target` if it is what would be made, whatever version of this crate made it; none if it is to be replaced.
fn existing(target: &Path, wanted: &Provenance) -> Result<Option<Column>> {
    let name = target.file_stem().unwrap_or_default().to_string_lossy();
    if !target.exists() {
        return Ok(None);
    }
    let column = Column::open(target).map_err(|error| {
        let problem = format!("`{}` is there already and is no column that can be read ({error})", target.display());
        Error::column(&name, problem, "move it away, or force it to be replaced")
    })?;
    let found = column.provenance();
    match (&found.plugin, &wanted.plugin) {
        (Some(found), Some(wanted)) if found.name == wanted.name => {}
        (found, _) => {
            let by = found.as_ref().map_or("no plugin".to_owned(), |plugin| format!("plugin `{}`", plugin.name));
            let problem = format!("`{}` is there already and was made by {by}", target.display());
            return Err(Error::column(&name, problem, "give the column another name, or force it to be replaced"));
        }
    }
    let same = found.dataset == wanted.dataset
        && found.samples == wanted.samples
        && found.plugin == wanted.plugin
        && found.config == wanted.config;
    Ok(same.then_some(column))
}

/// What the rounds share.
struct Work<'a> {
    blocks: Blocks<'a>,
    plugin: &'a MetricPlugin,
    provenance: Provenance,
    options: &'a Options<'a>,
    tokens: AtomicU64,
}

/// One thread's tools.
struct Worker {
    metric: Metric,
    reader: Reader,
}

impl Work<'_> {
    fn run(&self, target: &Path, folder: &mut Folder, saved: Saved) -> Result<(Column, usize)> {
        let first = self.plugin.instantiate()?;
        let needs = first.needs();
        let passes = needs.passes as usize;
        let threads = self.threads();
        let pool = ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).thread_name(|i| format!("curricle-analyze-{i}"));
        let pool = pool.build().map_err(|e| Error::data(format!("cannot start {threads} threads: {e}"), "ask for fewer"))?;
        let others = pool.install(|| (1..threads).into_par_iter().map(|_| self.plugin.instantiate()).collect::<Result<Vec<_>>>())?;
        let mut workers: Vec<Worker> =
            std::iter::once(first).chain(others).map(|metric| Worker { metric, reader: Reader::default() }).collect();

        let Saved { mut merged, mut blocks, resting, value_type } = saved;
        for (pass, result) in merged.iter().enumerate() {
            finish(&pool, &mut workers, pass as u32, result)?;
        }
        let mut resting = Some(resting);
        let depth = |round: usize| match (needs.tokens, round) {
            (false, _) => Depth::Lengths,
            (true, 0) => Depth::Checked,
            (true, _) => Depth::Tokens,
        };
        let (all, tokens) = (&self.blocks, &self.tokens);
        let mut journal = Keeper { folder, last: Instant::now(), pause: JOURNAL };
        for round in merged.len()..passes {
            let pass = round as u32;
            let tree = Tree::restore(pass, resting.take().unwrap_or_default(), blocks);
            let read = |worker: &mut Worker, block: u64| {
                let Worker { metric, reader } = worker;
                let mut partials = Vec::new();
                let n_tokens = reader.read(all, block, depth(round), |samples| {
                    metric.accumulate(pass, samples)?;
                    partials.push(metric.partial(pass)?);
                    Ok(())
                })?;
                tokens.fetch_add(n_tokens, Ordering::Relaxed);
                Ok(partials)
            };
            let look = |tree: &mut Tree, blocks: u64| (Round { blocks, resting: tree.resting(), value_type: None }, None);
            let tree = self.round(&pool, &mut workers, (blocks, passes), tree, read, look, &merged, &mut journal)?;
            let Some(Worker { metric, .. }) = workers.first_mut() else { continue };
            let result = tree.finish(|group| metric.merge(pass, group))?;
            finish(&pool, &mut workers, pass, &result)?;
            merged.push(result);
            blocks = 0;
        }

        let values = ValueFile::open(&journal.folder.values(), self.blocks.samples_in(blocks), value_type)?;
        let read = |worker: &mut Worker, block: u64| {
            let Worker { metric, reader } = worker;
            let mut found = Vec::new();
            let n_tokens = reader.read(all, block, depth(passes), |samples| {
                found.push(metric.measure(samples)?);
                Ok(())
            })?;
            tokens.fetch_add(n_tokens, Ordering::Relaxed);
            Ok(found)
        };
        let look = |values: &mut ValueFile, blocks: u64| {
            (Round { blocks, resting: Vec::new(), value_type: values.value_type() }, Some(values.flush()))
        };
        let values = self.round(&pool, &mut workers, (blocks, passes), values, read, look, &merged, &mut journal)?;

        let totals = workers.first_mut().map_or(Ok(Vec::new()), |worker| worker.metric.totals())?;
        // Their memory is better used for sorting.
        pool.install(|| workers.into_par_iter().for_each(drop));
        let value_type = values.value_type().ok_or_else(|| Error::data("nothing was measured", "report this as a fault of curricle"))?;
        let mut writer = ColumnWriter::create(target, value_type, self.provenance.clone())?;
        values.copy(&mut writer, value_type)?;
        writer.set_totals(totals)?;
        Ok((pool.install(|| writer.finish())?, threads))
    }

    fn threads(&self) -> usize {
        let wanted = match self.options.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        wanted.min(usize::try_from(self.blocks.len()).unwrap_or(usize::MAX)).max(1)
    }

    /// Goes over the dataset once, from a block on.
    #[expect(clippy::too_many_arguments, reason = "what two kinds of rounds differ in")]
    fn round<S: Sink>(
        &self,
        pool: &ThreadPool,
        workers: &mut [Worker],
        (first, passes): (u64, usize),
        sink: S,
        read: impl Fn(&mut Worker, u64) -> Result<S::Found> + Sync,
        look: impl Fn(&mut S, u64) -> (Round, Option<Result<File>>),
        merged: &[Vec<u8>],
        journal: &mut Keeper<'_>,
    ) -> Result<S> {
        let line = Line::new(first..self.blocks.len(), workers.len(), sink);
        let mut stopped = false;
        let mut kept = Ok(());
        pool.in_place_scope(|scope| {
            for worker in workers.iter_mut() {
                let (line, read) = (&line, &read);
                scope.spawn(move |_| line.serve(worker, read, |worker, merge| worker.metric.merge(merge.pass, &merge.group)));
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
                        rounds: passes as u32 + 1,
                        samples: self.blocks.samples_in(seen.delivered),
                        n_samples: self.blocks.dataset().len(),
                        tokens: self.tokens.load(Ordering::Relaxed),
                    });
                }
                if seen.over {
                    break;
                }
                if !stopped && journal.is_due() {
                    let began = Instant::now();
                    let seen = line.at_rest(&look);
                    kept = journal.keep(&self.provenance, merged, seen, began.elapsed());
                    if kept.is_err() {
                        stopped = true;
                        line.stop();
                    }
                }
            }
        });
        kept?;
        let (mut sink, delivered) = line.finish()?;
        if delivered < self.blocks.len() {
            journal.keep(&self.provenance, merged, look(&mut sink, delivered), Duration::ZERO)?;
            let doing = format!("analyzing `{}`", self.blocks.dataset().path().display());
            return Err(Error::Interrupted { doing, remedy: "the same command goes on from here".to_owned() });
        }
        Ok(sink)
    }
}

fn finish(pool: &ThreadPool, workers: &mut [Worker], pass: u32, merged: &[u8]) -> Result<()> {
    let results: Vec<Result<()>> = pool.install(|| workers.par_iter_mut().map(|worker| worker.metric.finish(pass, merged)).collect());
    results.into_iter().collect()
}

/// Keeps the journal.
struct Keeper<'a> {
    folder: &'a mut Folder,
    last: Instant,
    pause: Duration,
}

impl Keeper<'_> {
    fn is_due(&self) -> bool {
        self.last.elapsed() >= self.pause
    }

    fn keep(
        &mut self,
        provenance: &Provenance,
        merged: &[Vec<u8>],
        (round, values): (Round, Option<Result<File>>),
        waited: Duration,
    ) -> Result<()> {
        if let Some(values) = values {
            values?.sync_data().map_err(Error::io("write", self.folder.values()))?;
        }
        self.folder.save(provenance, merged, &round)?;
        self.last = Instant::now();
        self.pause = JOURNAL.max(waited * 20);
        Ok(())
    }
}
