//! Synthetic data as a scenario writes it down.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// `[dataset]`: synthetic samples, or a dataset that is there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct DatasetSpec {
    /// Number of synthetic samples.
    pub(crate) samples: Option<u64>,
    /// A dataset instead, from the folder of the scenario.
    pub(crate) path: Option<PathBuf>,
    /// With `path`, as in a run file.
    pub(crate) sequence_length: Option<u32>,
    /// With `path`, as in a run file.
    pub(crate) stride: Option<u32>,
    /// Tokens of each synthetic sample.
    pub(crate) lengths: Option<Lengths>,
    /// Values of each sample.
    #[serde(default)]
    pub(crate) columns: BTreeMap<String, ColumnSpec>,
}

/// Synthetic samples, if the scenario does not say.
const SAMPLES: u64 = 1000;

impl DatasetSpec {
    /// Number of samples that are made; what is at a `path` has its own.
    pub(crate) fn n_synthetic(&self) -> u64 {
        if self.path.is_some() { 0 } else { self.samples.unwrap_or(SAMPLES) }
    }
}

/// Tokens of synthetic samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Default for Lengths {
    fn default() -> Lengths {
        Lengths { from: 1, to: 64 }
    }
}

impl Lengths {
    /// Tokens of sample `i`.
    pub(crate) fn of(self, i: u64) -> u32 {
        let Lengths { from, to } = self;
        let span = u64::from(to.saturating_sub(from)) + 1;
        from.saturating_add((super::noise(i) % span) as u32)
    }
}

/// A column of synthetic samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ColumnSpec {
    /// The samples' lengths.
    Lengths,
    /// Numbers spread evenly from the one to the other.
    Spread { from: f64, to: f64 },
    /// These, again and again.
    Values(Vec<f64>),
    /// Names with their weights, in the order of the names' bytes.
    Categories(Vec<(String, u64)>),
}

impl<'de> Deserialize<'de> for Lengths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lengths, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Range {
            from: u32,
            to: u32,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Lengths;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or `{ from = 1, to = 64 }`")
            }

            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<Lengths, E> {
                let n = u32::try_from(n).map_err(|_| E::custom(format!("a length of {n} tokens, 0 to 4294967295 are possible")))?;
                Ok(Lengths { from: n, to: n })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Lengths, A::Error> {
                let Range { from, to } = Range::deserialize(MapAccessDeserializer::new(map))?;
                if from > to {
                    return Err(A::Error::custom(format!("`from` is {from} and `to` {to}")));
                }
                Ok(Lengths { from, to })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for ColumnSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ColumnSpec, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            from: Option<f64>,
            to: Option<f64>,
            values: Option<Vec<f64>>,
            categories: Option<BTreeMap<String, u64>>,
        }
        const EXPECTED: &str =
            "`\"lengths\"`, `{ from = 0.0, to = 1.0 }`, `{ values = [0.5] }` or `{ categories = { web = 7, code = 3 } }`";
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ColumnSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<ColumnSpec, E> {
                match word {
                    "lengths" => Ok(ColumnSpec::Lengths),
                    _ => Err(E::custom(format!("`{word}` is no column; expected {EXPECTED}"))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ColumnSpec, A::Error> {
                match Table::deserialize(MapAccessDeserializer::new(map))? {
                    Table { from: Some(from), to: Some(to), values: None, categories: None } if from.is_finite() && to.is_finite() => {
                        Ok(ColumnSpec::Spread { from, to })
                    }
                    Table { from: None, to: None, values: Some(values), categories: None }
                        if !values.is_empty() && values.iter().all(|value| value.is_finite()) =>
                    {
                        Ok(ColumnSpec::Values(values))
                    }
                    Table { from: None, to: None, values: None, categories: Some(names) }
                        if names.values().any(|weight| *weight > 0) && names.values().all(|weight| *weight <= u64::from(u32::MAX)) =>
                    {
                        Ok(ColumnSpec::Categories(names.into_iter().collect()))
                    }
                    _ => Err(A::Error::custom(format!("a column is {EXPECTED}, with finite numbers, and names of which one has samples"))),
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}
