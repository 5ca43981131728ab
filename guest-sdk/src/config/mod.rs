mod schema;

use serde::{Deserialize, de::DeserializeOwned};

pub use self::schema::{ConfigSchema, Schema, schema};
use crate::{Error, Result};

/// The configuration of a plugin that has none: an empty object. Any key is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, curricle_guest_derive::ConfigSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// Reads a configuration; `export!` and [`testing`](crate::testing) call it before `configure`.
///
/// # Errors
/// [`Error::Config`] that names the key: ``​`metrics[0].by`: unknown variant `rank`, expected `value` or `percentile` ``.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut reader).map_err(|e| {
        let path = e.path().to_string();
        let text = without_place(e.inner());
        if path == "." { Error::Config(text) } else { Error::config(path, text) }
    })
}

/// Line and column belong to a text that the host wrote and no person sees.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        list: Vec<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Inner {
        max_length: u32,
    }

    #[test]
    fn a_wrong_type_is_refused_with_its_key() {
        let error = parse::<Outer>(r#"{"list":[{"max-length":1},{"max-length":"x"}]}"#).unwrap_err();
        assert_eq!(error, Error::Config("`list[1].max-length`: invalid type: string \"x\", expected u32".into()));
        assert_eq!(error.to_string(), "configuration: `list[1].max-length`: invalid type: string \"x\", expected u32");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_keys_that_exist() {
        let error = parse::<Outer>(r#"{"list":[],"lst":3}"#).unwrap_err();
        assert_eq!(error, Error::Config("`lst`: unknown field `lst`, expected `list`".into()));
        assert!(parse::<NoConfig>(r#"{"a":1}"#).is_err());
        assert_eq!(parse::<NoConfig>("{}"), Ok(NoConfig {}));
    }

    #[test]
    fn a_missing_key_is_refused_by_name() {
        assert_eq!(parse::<Outer>("{}").unwrap_err(), Error::Config("missing field `list`".into()));
    }
}
