//! The whole of it: rounds over the dataset, then the column; or one round over a part.

use std::{path::Path, sync::atomic::AtomicU64, time::Instant};

use super::{
    Options, Outcome, Part, PartReport, Report,
    chunks::Blocks,
    goal::Goal,
    journal::{Folder, Saved, Wanted},
    outline::Outline,
    parts::Parts,
    rounds::{Keeper, Team, Work},
    values::{ValueFile, push},
};
use crate::{
    Error, Result,
    columns::ColumnWriter,
    dataset::Dataset,
    plugin::{Metric, MetricPlugin},
};

/// Makes the column at `target` (`<name>.arrow`) out of the answers of a metric for every sample of a dataset; of a metric that gives samples no
/// values the totals alone, `<name>.totals.arrow`. Its folder is made if need be. What is there and up to date is left as it is; what an
/// earlier version of the plugin made, or another configuration, or from other data, is replaced.
///
/// An analysis that was interrupted or killed goes on where it was, and makes the same bytes; work is lost for at most a few seconds. It is
/// kept in the folder `<target>.partial` meanwhile.
///
/// With [`Options::part`], only the next round over this part of the dataset is done, and left in the folder `<target>.parts`, where
/// [`merge`](super::merge) takes it up. A part that is there already is replaced.
///
/// # Errors
/// [`Error::Plugin`] if the metric fails, refuses or answers what it may not (of several samples the first is told); [`Error::Dataset`] if a
/// sample is damaged or holds a token outside of the vocabulary; [`Error::Column`] if `target` is something else, or being made by another
/// process, or if an earlier round of the parts was another metric's or dataset's; [`Error::Io`] if the disk is full;
/// [`Error::Interrupted`] if the options say so.
pub fn analyze(dataset: &Dataset, plugin: &MetricPlugin, target: &Path, options: &Options<'_>) -> Result<Report> {
    analyze_in(dataset, &Blocks::new(Outline::without_probes(dataset)), plugin, target, options)
}

/// As [`analyze`], with blocks of any size.
pub(super) fn analyze_in(
    dataset: &Dataset,
    blocks: &Blocks,
    plugin: &MetricPlugin,
    target: &Path,
    options: &Options<'_>,
) -> Result<Report> {
    let started = Instant::now();
    let metric = plugin.instantiate()?;
    let goal = Goal::new(blocks.outline(), plugin, &metric, target);
    if !options.force
        && let Some(outcome) = goal.existing()?
    {
        Folder::clear(target, &Parts::of(&goal));
        return Ok(Report { outcome, made: false, continued: false, threads: 0, tokens: 0, elapsed: started.elapsed() });
    }
    goal.make_folder()?;
    let parts = Parts::of(&goal);
    // Of a part, what the passes before it came to, and where it is made.
    let (before, place) = match options.part {
        Some(part) => (Some(parts.merged()?), parts.make(part)?),
        None => (None, target.to_owned()),
    };
    let range = options.part.map_or(0..blocks.len(), |part| part.share(blocks.len()));
    let work = Work { goal: &goal, dataset, blocks, range: range.clone(), options, tokens: AtomicU64::new(0) };
    let mut folder = Folder::open(&place, &goal.name)?;
    let wanted = Wanted { provenance: &goal.provenance, part: options.part, blocks: range, merged: before.as_deref() };
    let saved = folder.load(wanted, |n| work.samples_to(n));
    let continued = saved.is_some();
    let saved = match (saved, before) {
        (Some(saved), _) => saved,
        (None, before) => Saved { merged: before.unwrap_or_default(), ..Saved::default() },
    };
    tracing::info!(target = %target.display(), plugin = plugin.description().name, continued, "analyzing");
    let mut keeper = Keeper::new(&mut folder, options.part, goal.is_missing(options.force));
    let work_through = || match options.part {
        Some(part) => one_round(&work, part, &parts, plugin, metric, saved, &mut keeper),
        None => all_rounds(&work, plugin, metric, saved, &mut keeper),
    };
    // A panic on one of the threads comes out here.
    let done = Error::guard(|| format!("analyzing for `{}`", target.display()), work_through);
    match done {
        Ok((outcome, threads)) => {
            folder.remove()?;
            let tokens = work.tokens.into_inner();
            Ok(Report { outcome, made: true, continued, threads, tokens, elapsed: started.elapsed() })
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

fn all_rounds(
    work: &Work<'_>,
    plugin: &MetricPlugin,
    first: Metric,
    mut saved: Saved,
    journal: &mut Keeper<'_>,
) -> Result<(Outcome, usize)> {
    let goal = work.goal;
    let mut team = team(work, plugin, first, &saved)?;
    let threads = team.threads();
    let mut merged = std::mem::take(&mut saved.merged);
    while (merged.len() as u32) < goal.needs.passes {
        let pass = merged.len() as u32;
        let tree = work.pass(&mut team, &merged, std::mem::take(&mut saved), journal)?;
        let result = team.root(pass, tree)?;
        team.finish(pass, &result)?;
        merged.push(result);
    }
    let totals = team.totals()?;
    if !goal.needs.values {
        journal.finishing()?;
        return Ok((Outcome::Totals(goal.write_totals(totals)?), threads));
    }
    let values = work.measure(&mut team, &merged, saved, journal)?;
    journal.finishing()?;
    let column = team.disband(|| {
        let mut writer = writer(goal, values.value_type())?;
        copy(values, &mut writer)?;
        writer.set_totals(totals)?;
        writer.finish()
    })?;
    Ok((Outcome::Column(column), threads))
}

fn one_round(
    work: &Work<'_>,
    part: Part,
    parts: &Parts<'_>,
    plugin: &MetricPlugin,
    first: Metric,
    mut saved: Saved,
    journal: &mut Keeper<'_>,
) -> Result<(Outcome, usize)> {
    let goal = work.goal;
    let mut team = team(work, plugin, first, &saved)?;
    let merged = std::mem::take(&mut saved.merged);
    let round = merged.len() as u32;
    let path = if round < goal.needs.passes {
        let tree = work.pass(&mut team, &merged, saved, journal)?;
        parts.write_nodes(part, &merged, tree.nodes())?
    } else {
        let values = work.measure(&mut team, &merged, saved, journal)?;
        parts.write_values(part, &merged, values)?
    };
    let samples = work.samples_to(work.range.end);
    Ok((Outcome::Part(PartReport { path, part, round: round + 1, rounds: goal.rounds(), samples }), team.threads()))
}

/// Threads whose instances know the passes that are done.
fn team(work: &Work<'_>, plugin: &MetricPlugin, first: Metric, saved: &Saved) -> Result<Team> {
    let mut team = Team::new(plugin, first, work.threads())?;
    saved.merged.iter().enumerate().try_for_each(|(pass, result)| team.finish(pass as u32, result))?;
    Ok(team)
}

/// What writes the column.
pub(super) fn writer(goal: &Goal, value_type: Option<crate::columns::ValueType>) -> Result<ColumnWriter> {
    let value_type = value_type.ok_or_else(|| Error::data("nothing was measured", "report this as a fault of curricle"))?;
    ColumnWriter::create(&goal.target, value_type, goal.provenance.clone())
}

/// Passes the values on to what writes the column.
pub(super) fn copy(values: ValueFile, writer: &mut ColumnWriter) -> Result<()> {
    let Some(value_type) = values.value_type() else { return Ok(()) };
    values.read(|bytes| push(bytes, value_type, writer))
}
