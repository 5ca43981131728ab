//! A plugin as the run file names it, and what becomes of the run when it fails.

use serde::Deserialize;

use super::source_text::SourceText;
use crate::{Error, Result, plugin::Limits};

/// A plugin and what it is given: `[policy]`, `[batch.packer]`, `[pacing.NAME]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PluginConfig {
    /// Name of a built-in plugin, path of a `.wasm` file, or OCI reference (`oci://REGISTRY/REPOSITORY:TAG`), which needs a `sha256`.
    pub plugin: String,
    /// SHA-256 that the file must have, in hex; any if left out.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Its configuration, checked against its own schema.
    #[serde(default)]
    pub config: toml::Table,
    /// What it may use up.
    #[serde(default)]
    pub limits: Limits,
    /// What becomes of the run when it fails.
    #[serde(default)]
    pub on_fault: OnFault,
    /// With `on-fault = "restart"` how often it may be started again over the whole run, 1 to 1000; 3 if left out.
    #[serde(default)]
    pub restarts: Option<u32>,
}

/// What becomes of a run whose plugin fails. Only a fault that [every machine comes to](crate::Fault::deterministic) leaves a choice, so
/// that all ranks do the same at the same step; any other stops the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFault {
    /// It ends with the fault; the state stays that of the last batch.
    #[default]
    Stop,
    /// A fresh instance, made from the state of the step before, is asked again.
    Restart,
    /// The built-in policy `uniform` decides from this step on. For policies only.
    FallBack,
}

impl PluginConfig {
    /// The configuration as the JSON object that the plugin gets.
    pub(crate) fn config_json(&self, place: &str) -> Result<serde_json::Value> {
        Self::json_of(&self.config, place)
    }

    /// A configuration that was written in TOML, as the JSON object that a plugin gets. `place` is what errors call it.
    ///
    /// # Errors
    /// [`Error::Config`] with the key for what JSON has no form for: dates, infinities and NaN.
    pub fn json_of(config: &toml::Table, place: &str) -> Result<serde_json::Value> {
        to_json(&toml::Value::Table(config.clone()), place)
    }

    /// The same of a TOML file that holds nothing but a configuration. `name` is what errors call the file.
    ///
    /// # Errors
    /// [`Error::Config`] with line and column if it is no TOML, and as [`json_of`](PluginConfig::json_of).
    pub fn json_of_file(text: &str, name: &str) -> Result<serde_json::Value> {
        let source = SourceText::new(name, text);
        let config: toml::Table = toml::from_str(text).map_err(|error| source.refuse(&error, "correct the file"))?;
        // The value's own line, where it can be found.
        Self::json_of(&config, "").map_err(|error| match error {
            Error::Config { place, problem, remedy } => {
                let key = place.trim_start_matches('.');
                Error::config(source.find(key).map_or_else(|| format!("{name}, {key}"), |byte| source.place(byte)), problem, remedy)
            }
            other => other,
        })
    }

    /// Times that it may be started again in the whole run.
    pub(crate) fn most_restarts(&self) -> u32 {
        const RESTARTS: u32 = 3;
        match self.on_fault {
            OnFault::Restart => self.restarts.unwrap_or(RESTARTS),
            OnFault::Stop | OnFault::FallBack => 0,
        }
    }
}

/// TOML to JSON. TOML's dates have no counterpart, JSON's numbers no infinities.
fn to_json(value: &toml::Value, place: &str) -> Result<serde_json::Value> {
    use serde_json::Value as Json;
    Ok(match value {
        toml::Value::String(s) => Json::from(s.as_str()),
        toml::Value::Integer(i) => Json::from(*i),
        toml::Value::Boolean(b) => Json::from(*b),
        toml::Value::Float(f) if f.is_finite() => Json::from(*f),
        toml::Value::Float(f) => {
            return Err(Error::config(place, format!("{f} has no form in JSON, which plugins read"), "give a finite number"));
        }
        toml::Value::Datetime(d) => {
            return Err(Error::config(place, format!("the date {d} has no form in JSON, which plugins read"), "write it as a string"));
        }
        toml::Value::Array(items) => {
            items.iter().enumerate().map(|(i, item)| to_json(item, &format!("{place}[{i}]"))).collect::<Result<Vec<_>>>().map(Json::from)?
        }
        toml::Value::Table(table) => table
            .iter()
            .map(|(key, item)| Ok((key.clone(), to_json(item, &format!("{place}.{key}"))?)))
            .collect::<Result<serde_json::Map<_, _>>>()
            .map(Json::from)?,
    })
}
