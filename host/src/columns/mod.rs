//! Stand-in, replaced at merge.
#![allow(missing_docs)]
use crate::{Error, Result};
use std::collections::BTreeMap;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType { F32, F64, U32, U64 }
#[derive(Clone, Debug, PartialEq)]
pub enum Values { F32(Vec<f32>), F64(Vec<f64>), U32(Vec<u32>), U64(Vec<u64>) }
impl Values {
    pub fn len(&self) -> usize { match self { Values::F32(v) => v.len(), Values::F64(v) => v.len(), Values::U32(v) => v.len(), Values::U64(v) => v.len() } }
    pub fn value_type(&self) -> ValueType { match self { Values::F32(_) => ValueType::F32, Values::F64(_) => ValueType::F64, Values::U32(_) => ValueType::U32, Values::U64(_) => ValueType::U64 } }
}
impl std::fmt::Display for ValueType { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&format!("{self:?}").to_lowercase()) } }
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind { Number, Category }
#[derive(Clone, Debug)]
pub struct Column { v: std::sync::Arc<Vec<f64>> }
impl Column {
    pub fn kind(&self) -> ColumnKind { ColumnKind::Number }
    pub fn min(&self) -> f64 { 0.0 }
    pub fn max(&self) -> f64 { 1.0 }
    pub fn values(&self, ids: &[u64], out: &mut Vec<f64>) -> Result<()> { for &i in ids { out.push(*self.v.get(i as usize).ok_or_else(|| Error::data("no such", "no"))?) } Ok(()) }
    pub fn quantile(&self, q: f64) -> Result<f64> { Ok(q) }
    pub fn categories(&self) -> Option<Vec<(String, u64)>> { None }
}
#[derive(Clone, Debug)]
pub enum Condition { Between { column: String, above: Option<f64>, at_most: Option<f64> }, Quantiles { column: String, from: f64, to: f64 }, Category { column: String, codes: Vec<u32> } }
#[derive(Clone, Debug)]
pub struct Columns { n: u64, m: BTreeMap<String, Column> }
impl Columns {
    pub fn new(n: u64) -> Columns { Columns { n, m: BTreeMap::new() } }
    pub fn get(&self, name: &str) -> Result<&Column> { self.m.get(name).ok_or_else(|| Error::data(format!("there is no column `{name}`"), "name one")) }
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Column)> { self.m.iter().map(|(a, b)| (a.as_str(), b)) }
    pub fn n_samples(&self) -> u64 { self.n }
    pub fn count(&self, _: &[Condition]) -> Result<u64> { Ok(self.n) }
}
