//! A dataset's columns in memory, and which samples meet a condition: slow and plain.

use std::collections::BTreeMap;

use crate::{
    Condition, Error, Result,
    dataset::{Column, ColumnKind},
};

#[derive(Debug)]
pub(super) struct Values {
    pub(super) values: Vec<f64>,
    /// Sample ids in ascending order of the value, ties by id.
    order: Vec<u64>,
    names: Option<Vec<String>>,
}

#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) samples: u64,
    columns: BTreeMap<String, Values>,
}

impl Columns {
    pub(super) fn insert(&mut self, name: &str, values: Vec<f64>, names: Option<Vec<String>>) {
        assert_eq!(values.len() as u64, self.samples, "column `{name}` needs one value for each of the {} samples", self.samples);
        assert!(values.iter().all(|v| !v.is_nan()), "column `{name}` holds NaN");
        let mut order: Vec<u64> = (0..self.samples).collect();
        order.sort_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]));
        self.columns.insert(name.to_owned(), Values { values, order, names });
    }

    fn column(&self, name: &str) -> Result<&Values> {
        self.columns.get(name).ok_or_else(|| {
            let names: Vec<_> = self.columns.keys().map(|name| format!("`{name}`")).collect();
            Error::data(format!("there is no column `{name}`; there are: {}", names.join(", ")))
        })
    }

    fn numbers(&self, name: &str) -> Result<&Values> {
        let column = self.column(name)?;
        if column.names.is_some() {
            return Err(Error::data(format!("column `{name}` holds categories, not numbers")));
        }
        Ok(column)
    }

    pub(super) fn list(&self) -> Vec<Column> {
        let column = |(name, column): (&String, &Values)| {
            let (kind, min, max) = match &column.names {
                Some(names) => (ColumnKind::Category, 0.0, names.len() as f64 - 1.0),
                None => {
                    let at = |id: Option<&u64>| id.map_or(0.0, |&id| column.values[id as usize]);
                    (ColumnKind::Number, at(column.order.first()), at(column.order.last()))
                }
            };
            Column { name: name.clone(), kind, min, max }
        };
        self.columns.iter().map(column).collect()
    }

    pub(super) fn values(&self, name: &str, ids: &[u64]) -> Result<Vec<f64>> {
        let column = self.column(name)?;
        let value = |&id: &u64| {
            let past = || Error::data(format!("there is no sample {id}; there are {}", self.samples));
            column.values.get(id as usize).copied().ok_or_else(past)
        };
        ids.iter().map(value).collect()
    }

    pub(super) fn quantile(&self, name: &str, q: f64) -> Result<f64> {
        let column = self.numbers(name)?;
        if !(0.0..=1.0).contains(&q) {
            return Err(Error::data(format!("quantile {q} of `{name}` is not within 0..=1")));
        }
        let position = ((q * self.samples as f64).ceil() as usize).saturating_sub(1);
        Ok(column.values[column.order[position] as usize])
    }

    pub(super) fn categories(&self, name: &str) -> Result<Vec<(String, u64)>> {
        let column = self.column(name)?;
        let names = column.names.as_ref().ok_or_else(|| Error::data(format!("column `{name}` holds numbers, not categories")))?;
        let count = |code: usize| column.values.iter().filter(|&&v| v == code as f64).count() as u64;
        Ok(names.iter().enumerate().map(|(code, name)| (name.clone(), count(code))).collect())
    }

    /// Ids of the samples that meet every condition, ascending.
    pub(super) fn select(&self, conditions: &[Condition]) -> Result<Vec<u64>> {
        let mut selected = vec![true; self.samples as usize];
        for condition in conditions {
            let meets = self.judge(condition)?;
            selected.iter_mut().zip(meets).for_each(|(all, this)| *all &= this);
        }
        Ok((0..self.samples).zip(selected).filter_map(|(id, yes)| yes.then_some(id)).collect())
    }

    fn judge(&self, condition: &Condition) -> Result<Vec<bool>> {
        match condition {
            Condition::Between { column: name, above, at_most } => {
                let column = self.numbers(name)?;
                if above.is_some_and(f64::is_nan) || at_most.is_some_and(f64::is_nan) {
                    return Err(Error::data(format!("a bound of `{name}` is NaN")));
                }
                let meets = |&v: &f64| above.is_none_or(|above| v > above) && at_most.is_none_or(|most| v <= most);
                Ok(column.values.iter().map(meets).collect())
            }
            Condition::Quantiles { column: name, from, to } => {
                let column = self.numbers(name)?;
                if !(0.0 <= *from && from <= to && *to <= 1.0) {
                    return Err(Error::data(format!("quantiles {from} to {to} of `{name}` are not in order within 0..=1")));
                }
                let place = |fraction: f64| (fraction * self.samples as f64).floor() as usize;
                let mut meets = vec![false; column.values.len()];
                column.order[place(*from)..place(*to)].iter().for_each(|&id| meets[id as usize] = true);
                Ok(meets)
            }
            Condition::Category { column: name, codes } => {
                let categories = self.categories(name)?.len();
                if let Some(code) = codes.iter().find(|&&code| code as usize >= categories) {
                    return Err(Error::data(format!("column `{name}` has {categories} categories, none with code {code}")));
                }
                Ok(self.column(name)?.values.iter().map(|&v| codes.iter().any(|&code| v == f64::from(code))).collect())
            }
        }
    }
}
