//! What a policy may ask of the host: the imports of world `policy-plugin`.
//!
//! What a guest may act upon is answered as `error`; what its contract forbids ends the call.

use std::sync::Arc;

use super::{
    bindings::{
        dataset, pacings, plan, streams,
        types::{self, Error as Answer},
    },
    call::Guest,
};
use crate::{
    Error, Result,
    batch::{Plan, Refusal},
    columns::{ColumnKind, Columns, Condition},
    streams::{Order, Streams},
};

/// Samples that one call of `dataset.values` or `streams.take` may name.
const MAX_SAMPLES: usize = 1 << 20;
/// Work of looking something up, in units of fuel.
const LOOKUP: u64 = 100;
/// Work of writing a byte of a refusal, in units of fuel.
const WRITTEN: u64 = 8;
/// Samples that are compared in one unit of fuel when conditions are intersected.
const SCANNED: u64 = 16;

/// Answers a policy's questions for difficulties by the name of a pacing function and a step: none if the run file has no such pacing.
pub type Pacings = Box<dyn FnMut(&str, u64) -> Option<Result<f64>> + Send>;

/// What an instance is being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Who it is: nothing else is there yet.
    Describe,
    /// `configure` or `restore`.
    Prepare,
    Fill,
    Save,
    /// Nothing.
    Idle,
}

/// What a policy's imports work on.
pub(crate) struct PolicyWorld {
    pub(crate) columns: Arc<Columns>,
    pub(crate) streams: Streams,
    pub(crate) pacings: Pacings,
    pub(crate) plan: Plan,
    pub(crate) phase: Phase,
}

impl std::fmt::Debug for PolicyWorld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyWorld").field("phase", &self.phase).finish_non_exhaustive()
    }
}

type Host = Guest<PolicyWorld>;

impl Host {
    /// Ends the call unless the instance is in one of these phases.
    fn check_phase(&mut self, import: &str, allowed: &[Phase]) -> wasmtime::Result<()> {
        if allowed.contains(&self.world.phase) {
            return Ok(());
        }
        let when = match self.world.phase {
            Phase::Describe => "in `describe`, when nothing is there yet",
            Phase::Prepare => "in `configure` or `restore`",
            Phase::Fill => "in `fill`",
            Phase::Save => "in `save`, which must change nothing",
            Phase::Idle => "outside of a call",
        };
        self.breach(format!("it called `{import}` {when}"), "call it where `wit/` allows it")
    }

    /// An error of the host as the guest may see it; what the guest did not cause ends the call.
    fn answer<T>(&mut self, result: Result<T>) -> wasmtime::Result<Result<T, Answer>> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(error) => {
                let answer: fn(String) -> Answer = match error {
                    Error::Config { .. } => Answer::Config,
                    Error::Data { .. } | Error::Column { .. } => Answer::Data,
                    Error::State { .. } => Answer::State,
                    error => return self.fail(error),
                };
                self.refuse(answer, error.to_string()).map(Err)
            }
        }
    }

    /// A refusal in words, which cost more than the answer would have: names that the guest made up are part of them.
    fn refuse(&mut self, answer: fn(String) -> Answer, text: String) -> wasmtime::Result<Answer> {
        self.charge((text.len() as u64).saturating_mul(WRITTEN))?;
        Ok(answer(text))
    }

    fn refusal(&mut self, result: Result<(), Refusal>) -> wasmtime::Result<Result<(), Answer>> {
        match result {
            Ok(()) => Ok(Ok(())),
            Err(Refusal::Answer(text)) => self.refuse(Answer::Data, text).map(Err),
            Err(Refusal::Breach { problem, remedy }) => self.breach(problem, remedy),
        }
    }

    /// Length and position of a stream; a number that was never given out ends the call.
    fn stream(&mut self, number: u32) -> wasmtime::Result<(u64, u64)> {
        match self.world.streams.get(number) {
            Some(stream) => Ok((stream.len(), stream.position())),
            None => self.breach(
                format!("it named stream {number}, which was never opened"),
                "use numbers that `streams.open` returned to this instance",
            ),
        }
    }

    fn charge_conditions(&mut self, conditions: &[dataset::Condition]) -> wasmtime::Result<()> {
        let bytes = conditions.iter().map(|condition| match condition {
            dataset::Condition::Between(between) => between.column.len(),
            dataset::Condition::Quantiles(quantiles) => quantiles.column.len(),
            dataset::Condition::Category(category) => category.column.len().saturating_add(category.codes.len().saturating_mul(4)),
        });
        self.charge_bytes(bytes.fold(0, usize::saturating_add))?;
        let scan = match conditions.len() {
            0 | 1 => 0,
            several => (self.world.columns.n_samples() / SCANNED).saturating_mul(several as u64),
        };
        self.charge(LOOKUP.saturating_add(scan))
    }
}

/// Where a run is there.
const RUNNING: &[Phase] = &[Phase::Prepare, Phase::Fill, Phase::Save];
const OPENING: &[Phase] = &[Phase::Prepare, Phase::Fill];
const FILLING: &[Phase] = &[Phase::Fill];

impl types::Host for Host {}

impl dataset::Host for Host {
    fn len(&mut self) -> wasmtime::Result<u64> {
        self.check_phase("dataset.len", RUNNING)?;
        Ok(self.world.columns.n_samples())
    }

    fn columns(&mut self) -> wasmtime::Result<Vec<dataset::Column>> {
        self.check_phase("dataset.columns", RUNNING)?;
        let columns: Vec<dataset::Column> = self
            .world
            .columns
            .iter()
            .map(|(name, column)| dataset::Column {
                name: name.to_owned(),
                kind: match column.kind() {
                    ColumnKind::Number => dataset::ColumnKind::Number,
                    ColumnKind::Category => dataset::ColumnKind::Category,
                },
                min: column.min(),
                max: column.max(),
            })
            .collect();
        self.charge(LOOKUP.saturating_mul(1 + columns.len() as u64))?;
        Ok(columns)
    }

    fn values(&mut self, column: String, ids: Vec<u64>) -> wasmtime::Result<Result<Vec<f64>, Answer>> {
        self.check_phase("dataset.values", RUNNING)?;
        if ids.len() > MAX_SAMPLES {
            return self.breach(
                format!("it asked `dataset.values` for {} samples at once, at most {MAX_SAMPLES} are answered", ids.len()),
                "ask for fewer at a time",
            );
        }
        self.charge_bytes(column.len())?;
        self.charge(LOOKUP.saturating_add(ids.len() as u64))?;
        let values = self.world.columns.get(&column).and_then(|column| {
            let mut values = Vec::with_capacity(ids.len());
            column.values(&ids, &mut values).map(|()| values)
        });
        self.answer(values)
    }

    fn quantile(&mut self, column: String, q: f64) -> wasmtime::Result<Result<f64, Answer>> {
        self.check_phase("dataset.quantile", RUNNING)?;
        self.charge_bytes(column.len())?;
        self.charge(LOOKUP)?;
        let quantile = self.world.columns.get(&column).and_then(|column| column.quantile(q));
        self.answer(quantile)
    }

    fn categories(&mut self, column: String) -> wasmtime::Result<Result<Vec<(String, u64)>, Answer>> {
        self.check_phase("dataset.categories", RUNNING)?;
        self.charge_bytes(column.len())?;
        let categories = self.world.columns.get(&column).and_then(|found| match found.categories() {
            Some(categories) => Ok(categories.to_vec()),
            None => Err(Error::data(format!("column `{column}` holds numbers, not categories"), "name a column of categories")),
        });
        let n = categories.as_ref().map_or(0, |categories| categories.len() as u64);
        self.charge(LOOKUP.saturating_add(n.saturating_mul(10)))?;
        self.answer(categories)
    }

    fn count(&mut self, conditions: Vec<dataset::Condition>) -> wasmtime::Result<Result<u64, Answer>> {
        self.check_phase("dataset.count", RUNNING)?;
        self.charge_conditions(&conditions)?;
        let conditions: Vec<Condition> = conditions.into_iter().map(Condition::from).collect();
        let count = self.world.columns.count(&conditions);
        self.answer(count)
    }
}

impl streams::Host for Host {
    fn open(&mut self, name: String, conditions: Vec<dataset::Condition>, order: streams::Order) -> wasmtime::Result<Result<u32, Answer>> {
        self.check_phase("streams.open", OPENING)?;
        self.charge_bytes(name.len())?;
        self.charge_conditions(&conditions)?;
        let conditions: Vec<Condition> = conditions.into_iter().map(Condition::from).collect();
        let number = self.world.streams.open(&name, &conditions, &Order::from(order));
        self.answer(number)
    }

    fn length(&mut self, stream: u32) -> wasmtime::Result<u64> {
        self.check_phase("streams.length", RUNNING)?;
        self.stream(stream).map(|(length, _)| length)
    }

    fn position(&mut self, stream: u32) -> wasmtime::Result<u64> {
        self.check_phase("streams.position", RUNNING)?;
        self.stream(stream).map(|(_, position)| position)
    }

    fn take(&mut self, stream: u32, count: u32) -> wasmtime::Result<Vec<u64>> {
        self.check_phase("streams.take", FILLING)?;
        self.stream(stream)?;
        if count as usize > MAX_SAMPLES {
            return self.breach(
                format!("it asked `streams.take` for {count} samples at once, at most {MAX_SAMPLES} are given"),
                "take fewer at a time",
            );
        }
        self.charge(LOOKUP.saturating_add(u64::from(count) * 4))?;
        let mut ids = Vec::with_capacity(count as usize);
        match self.world.streams.draw(stream, count as usize, &mut ids) {
            Ok(()) => Ok(ids),
            Err(error) => self.fail(error),
        }
    }
}

impl plan::Host for Host {
    fn size(&mut self) -> wasmtime::Result<u32> {
        self.check_phase("plan.size", FILLING)?;
        Ok(self.world.plan.size())
    }

    fn draw(&mut self, numbers: Vec<u32>, counts: Vec<u32>) -> wasmtime::Result<Result<(), Answer>> {
        self.check_phase("plan.draw", FILLING)?;
        self.charge((numbers.len() as u64).saturating_add(counts.len() as u64))?;
        let PolicyWorld { plan, streams, .. } = &mut self.world;
        let drawn = plan.draw(streams, &numbers, &counts);
        self.refusal(drawn)
    }

    fn append(&mut self, ids: Vec<u64>) -> wasmtime::Result<Result<(), Answer>> {
        self.check_phase("plan.append", FILLING)?;
        self.charge(ids.len() as u64)?;
        let n_samples = self.world.columns.n_samples();
        let appended = self.world.plan.append(&ids, n_samples);
        self.refusal(appended)
    }

    fn truncate(&mut self, length: u32) -> wasmtime::Result<()> {
        self.check_phase("plan.truncate", FILLING)?;
        match self.world.plan.truncate(length) {
            Ok(()) => Ok(()),
            Err(Refusal::Breach { problem, remedy }) => self.breach(problem, remedy),
            Err(Refusal::Answer(text)) => self.breach(text, "truncate to at least 1 token"),
        }
    }

    fn annotate(&mut self, name: String, value: f64) -> wasmtime::Result<Result<(), Answer>> {
        self.check_phase("plan.annotate", FILLING)?;
        self.charge_bytes(name.len())?;
        let annotated = self.world.plan.annotate(&name, value);
        self.refusal(annotated)
    }

    fn ordered(&mut self) -> wasmtime::Result<()> {
        self.check_phase("plan.ordered", FILLING)?;
        self.world.plan.keep_order();
        Ok(())
    }
}

impl pacings::Host for Host {
    fn difficulty(&mut self, name: String, step: u64) -> wasmtime::Result<Result<f64, Answer>> {
        self.check_phase("pacings.difficulty", RUNNING)?;
        self.charge_bytes(name.len())?;
        self.charge(LOOKUP)?;
        match (self.world.pacings)(&name, step) {
            Some(Ok(difficulty)) => Ok(Ok(difficulty)),
            Some(Err(error)) => self.fail(error),
            None => {
                let text = format!("there is no pacing function `{name}`: the run file has no `[pacing.{name}]`");
                self.refuse(Answer::Config, text).map(Err)
            }
        }
    }
}

impl From<dataset::Condition> for Condition {
    fn from(condition: dataset::Condition) -> Condition {
        match condition {
            dataset::Condition::Between(dataset::Between { column, above, at_most }) => Condition::Between { column, above, at_most },
            dataset::Condition::Quantiles(dataset::Quantiles { column, from, to }) => Condition::Quantiles { column, from, to },
            dataset::Condition::Category(dataset::Category { column, codes }) => Condition::Category { column, codes },
        }
    }
}

impl From<streams::Order> for Order {
    fn from(order: streams::Order) -> Order {
        match order {
            streams::Order::Shuffled => Order::Shuffled,
            streams::Order::Independent => Order::Independent,
            streams::Order::Sequential => Order::Sequential,
            streams::Order::Ascending(column) => Order::Ascending(column),
        }
    }
}
