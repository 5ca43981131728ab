//! A scenario as written.

use std::{collections::BTreeMap, fmt};

use curricle::{Error, PacingConfig, Result, plugin::Limits};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use toml::Spanned;

use crate::{data::DatasetSpec, words};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) steps: Option<u64>,
    pub(crate) global_batch_size: Option<u32>,
    pub(crate) seed: Option<u64>,
    pub(crate) epochs: Option<u64>,
    pub(crate) drop_last: Option<bool>,
    pub(crate) dataset: Option<DatasetSpec>,
    #[serde(default)]
    pub(crate) pacing: BTreeMap<String, PacingConfig>,
    pub(crate) samples: Option<Vec<Vec<u32>>>,
    pub(crate) token_width: Option<u8>,
    pub(crate) lengths: Option<Vec<u32>>,
    pub(crate) capacity: Option<u32>,
    pub(crate) max_samples: Option<u32>,
    #[serde(default)]
    pub(crate) config: toml::Table,
    pub(crate) limits: Option<Limits>,
    pub(crate) expect: Expect,
}

/// `[expect]`: what is to come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) refused: Option<Spanned<Refused>>,
    pub(crate) snapshot: Option<Spanned<u64>>,

    pub(crate) once_before_twice: Option<Spanned<bool>>,
    pub(crate) exhausted_after: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) never_above: Vec<Spanned<Never>>,
    #[serde(default)]
    pub(crate) never_below: Vec<Spanned<Never>>,
    #[serde(default)]
    pub(crate) shares: Vec<Spanned<Share>>,
    #[serde(default)]
    pub(crate) annotations: Vec<Spanned<Beside>>,
    #[serde(default)]
    pub(crate) truncation: Vec<Spanned<Cut>>,

    pub(crate) values: Option<Spanned<Vec<f64>>>,
    pub(crate) totals: Option<Spanned<Vec<f64>>>,
    #[serde(rename = "type")]
    pub(crate) value_type: Option<Spanned<String>>,
    pub(crate) tolerance: Option<f64>,

    pub(crate) difficulty: Option<Spanned<Vec<(u64, f64)>>>,
    pub(crate) never_falls: Option<Spanned<bool>>,

    pub(crate) bins: Option<Spanned<Vec<u32>>>,
    pub(crate) at_most_bins: Option<Spanned<u32>>,
    pub(crate) fill_at_least: Option<Spanned<f64>>,
}

/// A refusal that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) by: By,
    pub(crate) says: String,
}

/// What is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    /// The configuration, by the schema or by the plugin.
    #[default]
    Config,
    /// The data, by the plugin.
    Data,
}

/// No value of a column is beyond a bound.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Never {
    pub(crate) column: String,
    pub(crate) annotation: Option<String>,
    pub(crate) at_most: Option<f64>,
    pub(crate) at_least: Option<f64>,
    pub(crate) steps: Option<(u64, u64)>,
}

/// A part of the samples.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Share {
    pub(crate) stream: Option<String>,
    pub(crate) column: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) steps: Option<(u64, u64)>,
    pub(crate) at_least: Option<f64>,
    pub(crate) at_most: Option<f64>,
    pub(crate) equal: Option<f64>,
}

/// A number beside the batch.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Beside {
    pub(crate) name: String,
    pub(crate) steps: Option<(u64, u64)>,
    pub(crate) at_least: Option<f64>,
    pub(crate) at_most: Option<f64>,
    pub(crate) equal: Option<f64>,
}

/// Tokens that samples are cut to.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Cut {
    pub(crate) steps: Option<(u64, u64)>,
    pub(crate) at_least: Option<f64>,
    pub(crate) at_most: Option<f64>,
    pub(crate) equal: Option<f64>,
}

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Refused, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            by: By,
            #[serde(default)]
            says: String,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Refused;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`\"config\"`, `\"data\"`, or `{ by = \"config\", says = \"part of the message\" }`")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Refused, E> {
                let by = match word {
                    "config" => By::Config,
                    "data" => By::Data,
                    _ => return Err(E::custom(format!("`{word}` is nothing that can be refused; expected `config` or `data`"))),
                };
                Ok(Refused { by, says: String::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Refused, A::Error> {
                let Table { by, says } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Refused { by, says })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl File {
    /// Reads the text of a scenario that errors call `name`.
    pub(crate) fn parse(text: &str, name: &str) -> Result<File> {
        toml::from_str(text).map_err(|error| {
            let place = error.span().map_or_else(|| name.to_owned(), |span| words::place(name, text, span.start));
            let (problem, remedy) = words::explain(error.message(), "correct the scenario; docs/testing.md has every key");
            Error::Config { place, problem, remedy }
        })
    }
}
