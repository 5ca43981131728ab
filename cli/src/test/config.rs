//! A configuration on the command line.

use std::path::Path;

use anyhow::Result;
use curricle::{Error, PluginConfig, atomic};
use serde_json::Value;

use crate::text;

/// A JSON object as it is, or the path of a file of JSON or TOML.
pub(crate) fn read(words: &str) -> Result<Value> {
    if words.trim_start().starts_with('{') {
        return Ok(json(words, "--config")?);
    }
    let path = Path::new(words);
    let text = atomic::read_text(path)?;
    if path.extension().is_some_and(|extension| extension == "toml") {
        return Ok(PluginConfig::json_of_file(&text, words)?);
    }
    Ok(json(&text::without_mark(text), words)?)
}

fn json(text: &str, place: &str) -> Result<Value, Error> {
    let wrong = |problem: String| Error::Config { place: place.to_owned(), problem, remedy: "give a JSON object".into() };
    let value: Value = serde_json::from_str(text).map_err(|error| wrong(format!("it is no JSON: {error}")))?;
    if value.is_object() { Ok(value) } else { Err(wrong(format!("it is {value}, and no object"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_json_or_a_file_of_json_or_toml() {
        let folder = tempfile::tempdir().unwrap();
        let (json, toml) = (folder.path().join("a.json"), folder.path().join("a.toml"));
        std::fs::write(&json, "{\"steps\": 9}").unwrap();
        std::fs::write(&toml, "steps = 9\n").unwrap();
        for words in ["{\"steps\": 9}", json.to_str().unwrap(), toml.to_str().unwrap()] {
            assert_eq!(read(words).unwrap(), serde_json::json!({"steps": 9}));
        }
        std::fs::write(&json, "\u{feff}{\"steps\": 9}").unwrap();
        assert_eq!(read(json.to_str().unwrap()).unwrap(), serde_json::json!({"steps": 9}));
        std::fs::write(&toml, "a = 1\nb = inf\n").unwrap();
        let place = toml.display();
        let message = read(toml.to_str().unwrap()).unwrap_err().to_string();
        assert_eq!(message, format!("{place}:2:5: inf has no form in JSON, which plugins read; give a finite number"));
        std::fs::write(&toml, "a = 1\nb = \n").unwrap();
        let message = read(toml.to_str().unwrap()).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{place}:2:")), "{message}");
        assert_eq!(
            read("{\"steps\"").unwrap_err().to_string(),
            "--config: it is no JSON: EOF while parsing an object at line 1 column 8; give a JSON object"
        );
    }
}
