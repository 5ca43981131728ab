//! Who takes the findings and makes the column.

use std::{collections::BTreeMap, ops::Range, path::Path};

use super::{
    super::{
        Outcome, Progress,
        analyze::{copy, writer},
        chunks::Blocks,
        goal::Goal,
        journal::{Folder, Round, Wanted},
        mark::Mark,
        outline::Outline,
        parts::Parts,
        place::{Place, cover, cut},
        tree::Tree,
        values::ValueFile,
    },
    arrived::Arrived,
    finding::{Content, Finding},
};
use crate::{
    Error, Result,
    columns::ValueType,
    plugin::{Metric, MetricPlugin},
};

/// What to do if what was found does not belong here.
const REDO: &str = "let workers find it again from what this collector gives out";

/// What there is to be done.
#[derive(Debug)]
pub enum Opening {
    /// Nothing: the result is there and up to date.
    UpToDate(Outcome),
    /// The rounds.
    Begun(Box<Collector>),
}

/// Makes a column, or totals, of what workers find, round after round.
///
/// Of a pass it keeps the nodes that wait for their neighbours, few if findings arrive about in order; values go to a file as they arrive. What
/// passes came to is kept on disk, in the folder `<target>.partial`: a collector that is opened after a crash goes on with the round that was
/// under way.
#[derive(Debug)]
pub struct Collector {
    goal: Goal,
    blocks: Blocks,
    metric: Metric,
    /// There until the result is.
    folder: Option<Folder>,
    is_missing: bool,
    continued: bool,
    merged: Vec<Vec<u8>>,
    arrived: Arrived,
    tree: Tree,
    values: Option<ValueFile>,
    /// Marks of the blocks in earlier rounds, and of those that the outline knows.
    marks: BTreeMap<u64, (Mark, Known)>,
}

/// From where a mark is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Outline,
    Round(u32),
}

impl Collector {
    /// Begins with the column at `target` (`<name>.arrow`), whose folder is made if need be. What is there and up to date is left as it is unless
    /// `force` is given; what an earlier version of the plugin made, or another configuration, or from other data, will be replaced.
    ///
    /// # Errors
    /// As [`analyze`](super::super::analyze): [`Error::Plugin`] if the metric refuses; [`Error::Column`] if `target` is something else, or being
    /// made by another process.
    pub fn open(plugin: &MetricPlugin, outline: &Outline, target: &Path, force: bool) -> Result<Opening> {
        Collector::in_blocks(plugin, Blocks::new(outline.clone()), target, force)
    }

    /// As [`open`](Collector::open), with blocks of any size.
    pub(in super::super) fn in_blocks(plugin: &MetricPlugin, blocks: Blocks, target: &Path, force: bool) -> Result<Opening> {
        let mut metric = plugin.instantiate()?;
        let goal = Goal::new(blocks.outline(), plugin, &metric, target);
        if !force && let Some(outcome) = goal.existing()? {
            Folder::clear(target, &Parts::of(&goal));
            return Ok(Opening::UpToDate(outcome));
        }
        goal.make_folder()?;
        let mut folder = Folder::open(target, &goal.name)?;
        let wanted = Wanted { provenance: &goal.provenance, part: None, blocks: 0..blocks.len(), merged: None };
        let saved = folder.load(wanted, |n| blocks.samples_in(n)).unwrap_or_default();
        (0..).zip(&saved.merged).try_for_each(|(pass, result)| metric.finish(pass, result))?;
        let probes = blocks.outline().probes().iter().map(|probe| (probe.block, (probe.mark, Known::Outline)));
        let marks = probes.collect();
        let is_missing = goal.is_missing(force);
        let mut collector = Collector {
            tree: Tree::restore(0, Vec::new(), 0),
            continued: !saved.merged.is_empty(),
            merged: saved.merged,
            folder: Some(folder),
            arrived: Arrived::default(),
            values: None,
            goal,
            blocks,
            metric,
            is_missing,
            marks,
        };
        collector.begin()?;
        Ok(Opening::Begun(Box::new(collector)))
    }

    /// Results of the passes that are done: what workers of the round under way are made with.
    pub fn merged(&self) -> &[Vec<u8>] {
        &self.merged
    }

    /// Whether passes were found done when it was opened.
    pub fn continued(&self) -> bool {
        self.continued
    }

    /// Whether the metric reads tokens. If not, workers need the lengths of samples alone.
    pub fn reads_tokens(&self) -> bool {
        self.goal.needs.tokens
    }

    /// How far it is. Tokens are not counted.
    pub fn progress(&self) -> Progress {
        Progress {
            rounds_done: self.round(),
            rounds: self.goal.rounds(),
            samples: self.arrived.len().saturating_mul(self.blocks.samples_each()).min(self.blocks.outline().len()),
            n_samples: self.blocks.outline().len(),
            tokens: 0,
        }
    }

    /// Takes what a worker found. Neighbours of a pass are merged when they are complete.
    ///
    /// # Errors
    /// [`Error::Column`] if the finding belongs to another metric, configuration, dataset or round, or to blocks that arrived already;
    /// [`Error::Dataset`] if the samples are not those of the dataset, or were others in an earlier round; [`Error::Plugin`] if the metric fails;
    /// [`Error::Io`] if the disk is full. After an error of the last two kinds the round cannot be finished.
    pub fn add(&mut self, finding: &Finding) -> Result<()> {
        let head = &finding.head;
        let range = finding.blocks();
        let foreign =
            |how: String, remedy: &str| Err(self.error(format!("what was found in {} was made {how}", shown(&finding.blocks())), remedy));
        if let Some((how, remedy)) = self.goal.stranger(&head.provenance, head.round, &head.before, &self.merged) {
            return foreign(how, remedy.unwrap_or(REDO));
        }
        let samples = self.blocks.samples_in(range.end).saturating_sub(self.blocks.samples_in(range.start));
        let is_whole = !range.is_empty() && range.end <= self.blocks.len() && head.marks.len() as u64 == range.end - range.start;
        let found = match &head.content {
            Content::Nodes { nodes } if is_whole && head.round < self.goal.needs.passes => {
                let places = cover(range.clone());
                let fits = nodes.iter().map(|(place, _)| place).eq(&places);
                cut(&finding.content, nodes).filter(|_| fits).map(Found::Nodes)
            }
            Content::Values { value_type: Some(name) } if is_whole && head.round == self.goal.needs.passes => {
                let known = ValueType::named(name);
                known.filter(|t| samples.checked_mul(t.width() as u64) == Some(finding.content.len() as u64)).map(Found::Values)
            }
            _ => None,
        };
        let Some(found) = found else {
            return foreign("otherwise than its round is".to_owned(), "use one version of curricle on all machines");
        };
        self.compare(&range, &head.marks)?;
        if let Err(block) = self.arrived.add(range.clone()) {
            let problem = format!("block {block} arrived twice, the second time with {}", shown(&range));
            return Err(self.error(problem, "let each block be found once a round"));
        }
        match found {
            Found::Nodes(nodes) => {
                let Collector { tree, metric, .. } = self;
                for (place, result) in nodes {
                    tree.graft(place, result, |group| metric.merge(head.round, group))?;
                }
            }
            Found::Values(value_type) => {
                let at = self.blocks.samples_in(range.start);
                let values = self.values.as_mut().ok_or_else(|| Error::data("no values are due", "report this as a fault of curricle"))?;
                values.put(at, value_type, &finding.content)?;
            }
        }
        let known = Known::Round(head.round);
        for (block, mark) in range.zip(&head.marks) {
            self.marks.entry(block).or_insert((*mark, known));
        }
        Ok(())
    }

    /// Ends the round, and begins the next. After the last one the column, or the totals of a metric without values, is put in its place, and
    /// nothing is left to be done with the collector.
    ///
    /// # Errors
    /// [`Error::Column`] if blocks did not arrive, named by their samples: the round goes on; [`Error::Plugin`] if the metric fails;
    /// [`Error::Io`] if the disk is full.
    pub fn finish_round(&mut self) -> Result<Option<Outcome>> {
        self.check_complete()?;
        let round = self.round();
        if round < self.goal.needs.passes {
            let Collector { tree, metric, .. } = self;
            let tree = std::mem::replace(tree, Tree::restore(round, Vec::new(), 0));
            let result = tree.finish(|group| metric.merge(round, group))?;
            metric.finish(round, &result)?;
            self.merged.push(result);
            if self.round() < self.goal.needs.passes || self.goal.needs.values {
                self.begin()?;
                return Ok(None);
            }
        }
        let totals = self.metric.totals()?;
        if let Some(folder) = self.folder.as_ref().filter(|_| self.is_missing) {
            folder.finishing(false)?;
        }
        let outcome = match self.values.take() {
            None => Outcome::Totals(self.goal.write_totals(totals)?),
            Some(values) => {
                let mut writer = writer(&self.goal, values.value_type())?;
                copy(values, &mut writer)?;
                writer.set_totals(totals)?;
                Outcome::Column(writer.finish()?)
            }
        };
        match self.folder.take() {
            Some(folder) => folder.remove().map(|()| Some(outcome)),
            None => Ok(Some(outcome)),
        }
    }

    fn round(&self) -> u32 {
        self.merged.len() as u32
    }

    /// Makes ready for the round after the passes that are done, and notes them.
    fn begin(&mut self) -> Result<()> {
        self.arrived = Arrived::default();
        self.tree = Tree::restore(self.round(), Vec::new(), 0);
        let Some(folder) = &mut self.folder else { return Ok(()) };
        // Of an analysis that was interrupted here in the middle of a round, the round begins anew.
        if !self.merged.is_empty() || folder.has_journal() {
            let round = Round { blocks: 0, nodes: Vec::new(), value_type: None };
            folder.save(&self.goal.provenance, None, &self.merged, &round)?;
        }
        if self.merged.len() as u32 == self.goal.needs.passes && self.goal.needs.values {
            self.values = Some(ValueFile::open(&folder.values(), 0, None)?);
        }
        Ok(())
    }

    fn check_complete(&self) -> Result<()> {
        let Some(gap) = self.arrived.first_missing(self.blocks.len()) else {
            return match self.folder.is_some() {
                true => Ok(()),
                false => Err(self.error("the result is made already".to_owned(), "open another collector")),
            };
        };
        let missing = self.blocks.len() - self.arrived.len();
        let (first, last) = (self.blocks.samples_in(gap.start), self.blocks.samples_in(gap.end).saturating_sub(1));
        let problem = format!("samples {first} to {last} did not arrive ({missing} of {} blocks are missing)", self.blocks.len());
        Err(self.error(problem, "let workers go over all blocks"))
    }

    /// Whether samples are those that are known of these blocks.
    fn compare(&self, range: &Range<u64>, marks: &[Mark]) -> Result<()> {
        for (block, (known, from)) in self.marks.range(range.clone()) {
            let mark = usize::try_from(block - range.start).ok().and_then(|at| marks.get(at));
            let Some(what) = mark.and_then(|mark| known.difference(*mark)) else { continue };
            let ids = self.blocks.ids(*block);
            let samples = format!("samples {} to {}", ids.start, ids.end.saturating_sub(1));
            let (problem, remedy) = match from {
                Known::Outline => (
                    format!("{samples} have other {what} where the data is than in the dataset"),
                    "give the engine the same data, in the order of the dataset's samples",
                ),
                Known::Round(round) => (
                    format!("{samples} had other {what} in round {}, and it is round {} now", round + 1, self.round() + 1),
                    "give the engine data that comes in the same order every time",
                ),
            };
            return Err(Error::dataset(self.blocks.outline().name(), problem, remedy));
        }
        Ok(())
    }

    fn error(&self, problem: String, remedy: &str) -> Error {
        Error::column(&self.goal.name, problem, remedy)
    }
}

/// The content of a finding that belongs here.
enum Found {
    Nodes(Vec<(Place, Vec<u8>)>),
    Values(ValueType),
}

impl Drop for Collector {
    /// Leaves nothing behind unless a pass is done.
    fn drop(&mut self) {
        if let Some(folder) = self.folder.take().filter(|folder| !folder.has_journal())
            && let Err(error) = folder.remove()
        {
            tracing::debug!("the folder of an analysis stays: {error}");
        }
    }
}

fn shown(blocks: &Range<u64>) -> String {
    match blocks.end.saturating_sub(blocks.start) {
        1 => format!("block {}", blocks.start),
        _ => format!("blocks {} to {}", blocks.start, blocks.end.saturating_sub(1)),
    }
}
