//! Parts that were analyzed apart become what one machine would have made.

use std::{path::Path, time::Instant};

use super::{
    Options, Outcome, Progress, Report, analyze::writer, chunks::Blocks, goal::Goal, journal::Folder, outline::Outline,
    part_file::PartFile, parts::Parts, tree::Tree, values::push,
};
use crate::{
    Error, Result,
    columns::Column,
    dataset::Dataset,
    plugin::{Metric, MetricPlugin},
};

/// Joins what [`analyze`](super::analyze) made of the parts of a dataset with [`Options::part`] in the folder `<target>.parts`.
///
/// The parts of a pass become its result, which the next round of the parts needs: [`Outcome::Pass`]. Those of the last round become the column
/// or the totals, byte for byte what one machine makes, and the folder goes. If nothing came since a pass was merged, that is told again;
/// if the column is up to date, it is left as it is. Of the options, neither `part` nor `threads` is of interest.
///
/// # Errors
/// [`Error::Column`] if a part is missing, there twice, damaged, or was made by another plugin or version, with another configuration or number
/// of parts, or from other data; [`Error::Plugin`] if the metric fails; otherwise as `analyze`.
pub fn merge(dataset: &Dataset, plugin: &MetricPlugin, target: &Path, options: &Options<'_>) -> Result<Report> {
    merge_in(&Blocks::new(Outline::without_probes(dataset)), plugin, target, options)
}

/// As [`merge`], with blocks of any size.
pub(super) fn merge_in(blocks: &Blocks, plugin: &MetricPlugin, target: &Path, options: &Options<'_>) -> Result<Report> {
    let started = Instant::now();
    let metric = plugin.instantiate()?;
    let goal = Goal::new(blocks.outline(), plugin, &metric, target);
    let report = |outcome, made| Report { outcome, made, continued: false, threads: 1, tokens: 0, elapsed: started.elapsed() };
    if !options.force
        && let Some(outcome) = goal.existing()?
    {
        Folder::clear(target, &Parts::of(&goal));
        return Ok(report(outcome, false));
    }
    let parts = Parts::of(&goal);
    if !parts.path().is_dir() {
        return Err(parts.none());
    }
    // Nobody else may make the column meanwhile.
    let folder = Folder::open(target, &goal.name)?;
    let merging = Merging { goal: &goal, blocks, parts: &parts, options, folder: &folder, is_missing: goal.is_missing(options.force) };
    let done = merging.run(metric);
    let is_whole = matches!(done, Ok((Outcome::Column(_) | Outcome::Totals(_), _)));
    // What says that the parts are of no use goes after them.
    if is_whole {
        parts.remove()?;
    }
    // An analysis of the whole that was interrupted may be in there.
    if is_whole || !folder.has_work() {
        folder.remove()?;
    }
    let (outcome, made) = done?;
    Ok(report(outcome, made))
}

struct Merging<'a> {
    goal: &'a Goal,
    blocks: &'a Blocks,
    parts: &'a Parts<'a>,
    options: &'a Options<'a>,
    folder: &'a Folder,
    /// Whether there is no such result yet.
    is_missing: bool,
}

impl Merging<'_> {
    /// What the parts of the next round come to, and whether there were any.
    fn run(&self, mut metric: Metric) -> Result<(Outcome, bool)> {
        let Merging { goal, parts, .. } = self;
        let mut merged = parts.merged()?;
        let files = parts.complete(&merged, self.blocks)?;
        let pass = |n: usize| Outcome::Pass { pass: n as u32, rounds: goal.rounds() };
        match (files.is_empty(), merged.len()) {
            (true, 0) => return Err(parts.none()),
            (true, n) => return Ok((pass(n), false)),
            (false, _) => {}
        }
        let round = merged.len() as u32;
        if round == goal.needs.passes {
            let totals = totals(&mut metric, &merged)?;
            self.finishing()?;
            return Ok((Outcome::Column(self.column(files, totals)?), true));
        }
        let result = self.tree(&mut metric, round, files)?;
        if round + 1 == goal.needs.passes && !goal.needs.values {
            merged.push(result);
            self.finishing()?;
            return Ok((Outcome::Totals(goal.write_totals(totals(&mut metric, &merged)?)?), true));
        }
        parts.write_merged(&merged, &result)?;
        Ok((pass(merged.len() + 1), true))
    }

    /// Notes that what comes next is the result. Of one that is only made once more, nobody could tell later whether it was put in place.
    fn finishing(&self) -> Result<()> {
        if self.is_missing { self.folder.finishing(true) } else { Ok(()) }
    }

    /// The result of a pass.
    fn tree(&self, metric: &mut Metric, pass: u32, files: Vec<PartFile>) -> Result<Vec<u8>> {
        let mut tree = Tree::restore(pass, Vec::new(), 0);
        for mut file in files {
            let samples = self.samples_before(&file);
            for (place, result) in file.nodes(&self.goal.name)? {
                self.look(pass, samples)?;
                tree.graft(place, result, |group| metric.merge(pass, group))?;
            }
        }
        tree.finish(|group| metric.merge(pass, group))
    }

    fn column(&self, files: Vec<PartFile>, totals: Vec<f64>) -> Result<Column> {
        let Merging { goal, parts, .. } = self;
        let name = &goal.name;
        let mut value_type = None;
        for file in &files {
            let Some(found) = file.value_type(name)? else { continue };
            let (first, path) = *value_type.get_or_insert((found, &file.path));
            if first != found {
                let (path, other) = (path.display(), file.path.display());
                let problem = format!("`{path}` holds values of type {first}, and `{other}` values of type {found}");
                return Err(parts.error(problem, "tell the author of the plugin, whose answers are to be of one type"));
            }
        }
        let value_type = value_type.map(|(value_type, _)| value_type);
        let mut writer = writer(goal, value_type)?;
        for mut file in files {
            let Some(value_type) = file.value_type(name)? else { continue };
            let before = writer.written();
            let samples = self.samples_of(&file);
            file.read(name, |bytes| {
                self.look(goal.needs.passes, writer.written())?;
                push(bytes, value_type, &mut writer)
            })?;
            if writer.written() - before != samples {
                let problem = format!("`{}` holds {} values for {samples} samples", file.path.display(), writer.written() - before);
                return Err(parts.error(problem, "make it again with `curricle analyze`"));
            }
        }
        writer.set_totals(totals)?;
        writer.finish()
    }

    /// Tells how far it is, and asks whether to stop.
    fn look(&self, round: u32, samples: u64) -> Result<()> {
        if let Some(progress) = self.options.progress {
            let n_samples = self.blocks.outline().len();
            progress(Progress { rounds_done: round, rounds: self.goal.rounds(), samples, n_samples, tokens: 0 });
        }
        match self.options.interrupted.is_some_and(|interrupted| interrupted()) {
            true => Err(Error::Interrupted {
                doing: format!("merging the parts of column `{}`", self.goal.name),
                remedy: "the same command does it again; the parts are as they were".to_owned(),
            }),
            false => Ok(()),
        }
    }

    fn samples_before(&self, file: &PartFile) -> u64 {
        let part = file.head.content.part();
        part.map_or(0, |part| self.blocks.samples_in(part.share(self.blocks.len()).start))
    }

    fn samples_of(&self, file: &PartFile) -> u64 {
        let share = file.head.content.part().map_or(0..0, |part| part.share(self.blocks.len()));
        self.blocks.samples_in(share.end) - self.blocks.samples_in(share.start)
    }
}

/// What the passes found about the dataset as a whole.
fn totals(metric: &mut Metric, merged: &[Vec<u8>]) -> Result<Vec<f64>> {
    merged.iter().enumerate().try_for_each(|(pass, result)| metric.finish(pass as u32, result))?;
    metric.totals()
}
