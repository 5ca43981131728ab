//! What a policy may know of the data: one value per sample and column, never a token. Answers never change during a run.

use crate::{Result, host};

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// A quantity: compared, ranked, summed.
    Number,
    /// A code into a list of names: a domain, a language, a source.
    Category,
}

/// A column without its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Name in the run file.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// Smallest value; of a category 0.
    pub min: f64,
    /// Largest value; of a category the number of categories less 1.
    pub max: f64,
}

/// One condition on one column. A sample is selected if it meets every condition of a list; an empty list selects all.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `above` < value ≤ `at_most`; a side left out is open.
    Between {
        /// A column of numbers.
        column: String,
        /// Exclusive lower bound.
        above: Option<f64>,
        /// Inclusive upper bound.
        at_most: Option<f64>,
    },
    /// Part of the column's ascending order, ties by sample id: positions floor(`from` × n) up to, but without, floor(`to` × n).
    Quantiles {
        /// A column of numbers.
        column: String,
        /// Fraction at which the part begins.
        from: f64,
        /// Fraction at which it ends, exclusive; 1 is the end of the order.
        to: f64,
    },
    /// The samples whose category is one of these codes.
    Category {
        /// A column of categories.
        column: String,
        /// Positions in [`categories`]; duplicates count once.
        codes: Vec<u32>,
    },
}

impl Condition {
    /// `above` < value ≤ `at_most`, of a column of numbers; none leaves a side open.
    pub fn between(column: impl Into<String>, above: impl Into<Option<f64>>, at_most: impl Into<Option<f64>>) -> Condition {
        Condition::Between { column: column.into(), above: above.into(), at_most: at_most.into() }
    }

    /// The part of the column's ascending order between two fractions; 0 ≤ `from` ≤ `to` ≤ 1.
    pub fn quantiles(column: impl Into<String>, from: f64, to: f64) -> Condition {
        Condition::Quantiles { column: column.into(), from, to }
    }

    /// The samples of the category at position `code` of [`categories`].
    pub fn category(column: impl Into<String>, code: u32) -> Condition {
        Condition::Category { column: column.into(), codes: vec![code] }
    }

    /// The column that it is about.
    pub fn column(&self) -> &str {
        match self {
            Condition::Between { column, .. } | Condition::Quantiles { column, .. } | Condition::Category { column, .. } => column,
        }
    }
}

/// Number of samples in the run's view of the dataset; at least 1. A sample's id is its position: 0 ≤ id < `len()`.
#[allow(clippy::len_without_is_empty, reason = "a dataset has at least one sample")]
pub fn len() -> u64 {
    host::len()
}

/// The columns that the run file grants, in the order of their names' bytes.
pub fn columns() -> Vec<Column> {
    host::columns()
}

/// The column of this name, if the run file grants it.
pub fn column(name: &str) -> Option<Column> {
    columns().into_iter().find(|column| column.name == name)
}

/// Values of the given samples, in order; a category's are its codes. Ask for thousands at a time, at most 1 048 576.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) for an unknown column or an id past the end.
pub fn values(column: &str, ids: &[u64]) -> Result<Vec<f64>> {
    host::values(column, ids)
}

/// Smallest value v of a column of numbers such that at least the fraction `q` of the samples is ≤ v; 0 gives the minimum.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) for an unknown column, a column of categories, or `q` outside 0..=1.
pub fn quantile(column: &str, q: f64) -> Result<f64> {
    host::quantile(column, q)
}

/// Name and number of samples of each category, by code.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) for an unknown column or a column of numbers.
pub fn categories(column: &str) -> Result<Vec<(String, u64)>> {
    host::categories(column)
}

/// Number of samples that meet every condition. O(log n) for one; several are intersected, which reads each column once.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) for an unknown column, a column of the wrong kind, or bounds that are not numbers.
pub fn count(conditions: &[Condition]) -> Result<u64> {
    host::count(conditions)
}
