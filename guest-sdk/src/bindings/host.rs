//! The imports, in the SDK's types.

use super::policy::curricle::plugin::{dataset as wire, logging, pacings, plan, streams, types};
use crate::{
    Order, Result,
    dataset::{Column, ColumnKind, Condition},
    log::Level,
};

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Debug => types::Level::Debug,
        Level::Info => types::Level::Info,
        Level::Warn => types::Level::Warn,
        Level::Error => types::Level::Error,
    };
    logging::log(level, message);
}

pub(crate) fn len() -> u64 {
    wire::len()
}

pub(crate) fn columns() -> Vec<Column> {
    let column = |wire::Column { name, kind, min, max }| {
        let kind = match kind {
            wire::ColumnKind::Number => ColumnKind::Number,
            wire::ColumnKind::Category => ColumnKind::Category,
        };
        Column { name, kind, min, max }
    };
    wire::columns().into_iter().map(column).collect()
}

pub(crate) fn values(column: &str, ids: &[u64]) -> Result<Vec<f64>> {
    Ok(wire::values(column, ids)?)
}

pub(crate) fn quantile(column: &str, q: f64) -> Result<f64> {
    Ok(wire::quantile(column, q)?)
}

pub(crate) fn categories(column: &str) -> Result<Vec<(String, u64)>> {
    Ok(wire::categories(column)?)
}

pub(crate) fn count(conditions: &[Condition]) -> Result<u64> {
    Ok(wire::count(&packed(conditions))?)
}

fn packed(conditions: &[Condition]) -> Vec<wire::Condition> {
    let condition = |condition: &Condition| match condition.clone() {
        Condition::Between { column, above, at_most } => wire::Condition::Between(wire::Between { column, above, at_most }),
        Condition::Quantiles { column, from, to } => wire::Condition::Quantiles(wire::Quantiles { column, from, to }),
        Condition::Category { column, codes } => wire::Condition::Category(wire::Category { column, codes }),
    };
    conditions.iter().map(condition).collect()
}

pub(crate) fn open(name: &str, conditions: &[Condition], order: &Order) -> Result<u32> {
    let order = match order {
        Order::Shuffled => streams::Order::Shuffled,
        Order::Independent => streams::Order::Independent,
        Order::Sequential => streams::Order::Sequential,
        Order::Ascending(column) => streams::Order::Ascending(column.clone()),
    };
    Ok(streams::open(name, &packed(conditions), &order)?)
}

pub(crate) fn length(stream: u32) -> u64 {
    streams::length(stream)
}

pub(crate) fn position(stream: u32) -> u64 {
    streams::position(stream)
}

pub(crate) fn take(stream: u32, count: u32) -> Vec<u64> {
    streams::take(stream, count)
}

pub(crate) fn size() -> u32 {
    plan::size()
}

pub(crate) fn draw(streams: &[u32], counts: &[u32]) -> Result<()> {
    Ok(plan::draw(streams, counts)?)
}

pub(crate) fn append(ids: &[u64]) -> Result<()> {
    Ok(plan::append(ids)?)
}

pub(crate) fn truncate(length: u32) {
    plan::truncate(length);
}

pub(crate) fn annotate(name: &str, value: f64) -> Result<()> {
    Ok(plan::annotate(name, value)?)
}

pub(crate) fn ordered() {
    plan::ordered();
}

pub(crate) fn difficulty(name: &str, step: u64) -> Result<f64> {
    Ok(pacings::difficulty(name, step)?)
}
