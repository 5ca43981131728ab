//! One metric: its column, what its difficulty means, who sets it.

use curricle_guest::{Condition, Error, Result, dataset};
use serde::Deserialize;

/// A metric as configured.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metric {
    column: String,
    by: By,
    pacing: String,
}

/// What a difficulty means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    /// The largest value.
    Value,
    /// How many of every hundred samples, in ascending order of the value.
    Percentile,
}

/// A metric that the dataset has.
#[derive(Debug)]
pub(crate) struct Axis {
    column: String,
    by: By,
    pub(crate) pacing: String,
    /// Smallest value in the dataset.
    min: f64,
    /// Name of its difficulty beside the batch; none if the column's name leaves no room.
    pub(crate) annotation: Option<String>,
}

/// Checks every metric against the dataset.
pub(crate) fn all(metrics: Vec<Metric>) -> Result<Vec<Axis>> {
    if !(1..=16).contains(&metrics.len()) {
        return Err(Error::config("metrics", format!("found {}; there must be 1 to 16", metrics.len())));
    }
    let columns = dataset::columns();
    let mut axes: Vec<Axis> = Vec::new();
    for (i, Metric { column: name, by, pacing }) in metrics.into_iter().enumerate() {
        let key = format!("metrics[{i}].column");
        let Some(column) = columns.iter().find(|column| column.name == name) else {
            let names: Vec<String> = columns.iter().map(|column| format!("`{}`", column.name)).collect();
            return Err(Error::config(key, format!("the run file grants no column `{name}`; it grants {}", names.join(", "))));
        };
        if column.kind != dataset::ColumnKind::Number {
            return Err(Error::config(key, format!("column `{name}` holds categories; a curriculum needs numbers")));
        }
        if axes.iter().any(|axis| axis.column == name) {
            return Err(Error::config(key, format!("column `{name}` is named twice; a column has one difficulty")));
        }
        let annotation = format!("difficulty:{name}");
        axes.push(Axis { column: name, by, pacing, min: column.min, annotation: (annotation.len() <= 64).then_some(annotation) });
    }
    Ok(axes)
}

/// Position of the axis whose difficulty samples are cut to.
pub(crate) fn to_truncate(axes: &[Axis], column: &str) -> Result<usize> {
    let of_column = |axis: &Axis| axis.column == column && axis.by == By::Value;
    axes.iter().position(of_column).ok_or_else(|| {
        let names: Vec<String> = axes.iter().filter(|axis| axis.by == By::Value).map(|axis| format!("`{}`", axis.column)).collect();
        let names = if names.is_empty() { "none".into() } else { names.join(", ") };
        Error::config("truncate", format!("`{column}` is not among the metrics by value, which are: {names}"))
    })
}

impl Axis {
    /// The difficulty, if it is one.
    pub(crate) fn checked(&self, difficulty: f64) -> Result<f64> {
        let Axis { column, by, pacing, .. } = self;
        match by {
            By::Percentile if !(0.0..=100.0).contains(&difficulty) => Err(Error::config(
                format!("pacing.{pacing}"),
                format!("it gives {difficulty} for `{column}`, but a percentile is within 0 to 100"),
            )),
            // Negative zero is zero; without this they would be two difficulties.
            _ => Ok(difficulty + 0.0),
        }
    }

    /// The samples with `above` < difficulty ≤ `at_most`.
    pub(crate) fn condition(&self, above: Option<f64>, at_most: f64) -> Condition {
        match self.by {
            By::Value => Condition::between(&self.column, above, at_most),
            By::Percentile => Condition::quantiles(&self.column, above.unwrap_or(0.0) / 100.0, at_most / 100.0),
        }
    }

    /// The same in words, for the name of a stream.
    pub(crate) fn range(&self, above: Option<f64>, at_most: f64) -> String {
        let unit = if self.by == By::Percentile { "%" } else { "" };
        match above {
            Some(above) => format!("{}({above},{at_most}]{unit}", self.column),
            None => format!("{}(,{at_most}]{unit}", self.column),
        }
    }

    /// Why nothing may be eligible, in words.
    pub(crate) fn why_empty(&self, difficulty: f64) -> String {
        match self.by {
            By::Value => format!("the difficulty of `{}` is {difficulty} and its smallest value {}", self.column, self.min),
            By::Percentile => format!("the difficulty of `{}` is percentile {difficulty} of {} samples", self.column, dataset::len()),
        }
    }
}
