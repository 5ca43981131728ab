//! Conditions on one column, and the places of its ascending order that meet them.

use super::column::{Column, ColumnKind};
use crate::{Error, Result};

/// One condition on one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `above` < value ≤ `at_most`, compared as [`Column::value`] gives it. A side left out is open. An empty range is allowed and selects
    /// nothing; NaN is refused.
    Between {
        /// A column of numbers.
        column: String,
        /// Exclusive lower bound.
        above: Option<f64>,
        /// Inclusive upper bound.
        at_most: Option<f64>,
    },
    /// Part of the column's ascending order, in which ties go by sample id: of n samples those at places ⌊`from` × n⌋ up to, but without,
    /// ⌊`to` × n⌋, the products rounded as f64. 0 ≤ `from` ≤ `to` ≤ 1; parts that share a bound neither overlap nor leave a gap.
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
        /// Positions in [`Column::categories`]; duplicates count once.
        codes: Vec<u32>,
    },
}

/// Samples that meet a condition, as ranges of places in the order of its column: none empty, none touching another, ascending.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) column: Column,
    pub(super) ranges: Vec<(u64, u64)>,
}

impl Places {
    pub(super) fn count(&self) -> u64 {
        self.ranges.iter().map(|(start, end)| end - start).sum()
    }
}

impl Condition {
    /// Name of the column.
    pub fn column(&self) -> &str {
        match self {
            Condition::Between { column, .. } | Condition::Quantiles { column, .. } | Condition::Category { column, .. } => column,
        }
    }

    /// Finds the places in its column: O(log n) for each range.
    pub(super) fn places(&self, column: &Column) -> Result<Places> {
        let wanted = match self {
            Condition::Category { .. } => ColumnKind::Category,
            _ => ColumnKind::Number,
        };
        if column.kind() != wanted {
            return Err(wrong_kind(self.column(), column.kind()));
        }
        let mut ranges = match self {
            Condition::Between { above, at_most, .. } => vec![self.between(column, *above, *at_most)?],
            Condition::Quantiles { from, to, .. } => vec![self.quantiles(column, *from, *to)?],
            Condition::Category { codes, .. } => self.category(column, codes)?,
        };
        ranges.retain(|(start, end)| start < end);
        ranges.dedup_by(|next, last| {
            let touches = last.1 == next.0;
            if touches {
                last.1 = next.1;
            }
            touches
        });
        Ok(Places { column: column.clone(), ranges })
    }

    fn between(&self, column: &Column, above: Option<f64>, at_most: Option<f64>) -> Result<(u64, u64)> {
        if above.is_some_and(f64::is_nan) || at_most.is_some_and(f64::is_nan) {
            return Err(Error::data(format!("a bound on column `{}` is NaN", self.column()), "give numbers, or leave the side out"));
        }
        let start = above.map_or(Ok(0), |bound| first_place(column, |value| value > bound))?;
        let end = at_most.map_or(Ok(column.len()), |bound| first_place(column, |value| value > bound))?;
        Ok((start, end))
    }

    fn quantiles(&self, column: &Column, from: f64, to: f64) -> Result<(u64, u64)> {
        let inside = 0.0..=1.0;
        if !(inside.contains(&from) && inside.contains(&to) && from <= to) {
            let problem = format!("quantiles {from} to {to} of column `{}` are no part of its order", self.column());
            return Err(Error::data(problem, "give 0 ≤ from ≤ to ≤ 1"));
        }
        let place = |q: f64| ((q * column.len() as f64).floor() as u64).min(column.len());
        Ok((place(from), place(to)))
    }

    fn category(&self, column: &Column, codes: &[u32]) -> Result<Vec<(u64, u64)>> {
        let mut codes = codes.to_vec();
        codes.sort_unstable();
        codes.dedup();
        let places = |code: &u32| {
            column.places_of_code(*code).ok_or_else(|| {
                let count = column.categories().map_or(0, <[_]>::len);
                let problem = format!("category {code} was asked of column `{}`, which has {count}", self.column());
                Error::data(problem, "give codes below that")
            })
        };
        codes.iter().map(places).collect()
    }

    /// Appends bytes that are the same for conditions that always select the same samples by construction, and different for others.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        let name = |tag: u8, column: &str, bytes: &mut Vec<u8>| {
            bytes.push(tag);
            bytes.extend((column.len() as u64).to_le_bytes());
            bytes.extend(column.as_bytes());
        };
        // Adding 0 makes both zeros the same.
        let number = |value: f64, bytes: &mut Vec<u8>| bytes.extend((value + 0.0).to_le_bytes());
        match self {
            Condition::Between { column, above, at_most } => {
                name(0, column, bytes);
                for side in [above, at_most] {
                    bytes.push(u8::from(side.is_some()));
                    number(side.unwrap_or_default(), bytes);
                }
            }
            Condition::Quantiles { column, from, to } => {
                name(1, column, bytes);
                number(*from, bytes);
                number(*to, bytes);
            }
            Condition::Category { column, codes } => {
                name(2, column, bytes);
                let mut codes = codes.clone();
                codes.sort_unstable();
                codes.dedup();
                bytes.extend((codes.len() as u64).to_le_bytes());
                codes.iter().for_each(|code| bytes.extend(code.to_le_bytes()));
            }
        }
    }
}

pub(super) fn wrong_kind(column: &str, found: ColumnKind) -> Error {
    match found {
        ColumnKind::Category => Error::data(
            format!("column `{column}` was used as a column of numbers, but its values are categories"),
            "use a condition on categories, or name a column of numbers",
        ),
        ColumnKind::Number => Error::data(
            format!("column `{column}` was used as a column of categories, but its values are numbers"),
            "use a condition on numbers, or name a column of categories",
        ),
    }
}

/// First place whose value meets a test that all later ones meet.
fn first_place(column: &Column, test: impl Fn(f64) -> bool) -> Result<u64> {
    let (mut low, mut high) = (0, column.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if test(column.value_at(middle)?) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}
