//! `[batch] truncate`, `[batch] reshape` and `[random-ltd]`, as written: what pacing functions say of lengths.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::batch::Keep;

/// `[batch] truncate`: every sample is cut to its first tokens, as many as a pacing function says. A string is its name alone.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TruncateConfig {
    /// Name of a `[pacing.NAME]`, whose value is rounded down.
    pub pacing: String,
    /// Tokens that are kept beyond that many: 1 where a model predicts the next token.
    #[serde(default)]
    pub plus: u32,
}

/// `[batch] reshape`: every sample falls into sequences, as long as a pacing function says. A string is its name alone.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReshapeConfig {
    /// Name of a `[pacing.NAME]`, whose value is rounded down.
    pub pacing: String,
    /// Tokens that a sequence has beyond that many.
    #[serde(default)]
    pub plus: u32,
    /// Which sequences the trainer gets.
    #[serde(default)]
    pub keep: Keep,
}

/// `[random-ltd]`: a model whose middle layers process a random part of the tokens only (random layerwise token dropping, Yao et al. 2022).
/// Choosing the tokens is the model's work; here their number is set, and the tokens that layers process are counted.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RandomLtdConfig {
    /// Name of a `[pacing.NAME]`: tokens of a sequence that a layer which drops tokens keeps.
    pub pacing: String,
    /// Layers that drop tokens; at least 1.
    pub layers: u32,
    /// Layers of the model, at least `layers`.
    pub total_layers: u32,
    /// Tokens of a sequence that no layer sees: 1 where the last one is only predicted.
    #[serde(default)]
    pub plus: u32,
}

impl From<&str> for TruncateConfig {
    fn from(pacing: &str) -> TruncateConfig {
        TruncateConfig { pacing: pacing.to_owned(), plus: 0 }
    }
}

impl From<&str> for ReshapeConfig {
    fn from(pacing: &str) -> ReshapeConfig {
        ReshapeConfig { pacing: pacing.to_owned(), plus: 0, keep: Keep::default() }
    }
}

/// Reads a table, or a string that stands for one.
pub(crate) fn name_or_table<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + for<'a> From<&'a str>,
{
    struct Either<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de> + for<'a> From<&'a str>> Visitor<'de> for Either<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the name of a `[pacing.NAME]`, or a table with it as `pacing`")
        }

        fn visit_str<E>(self, name: &str) -> Result<T, E> {
            Ok(T::from(name))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(Either(PhantomData)).map(Some)
}
