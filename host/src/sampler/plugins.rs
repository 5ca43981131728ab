//! From a plugin's name in the run file to the plugin.

use std::path::Path;

use super::config::{PluginConfig, RunConfig};
use crate::{Error, Result, plugin};

/// Finds a plugin, checks its digest and loads it.
pub(super) fn load<P>(
    config: &RunConfig,
    plugin: &PluginConfig,
    place: &str,
    load: impl FnOnce(&str, &Path, &serde_json::Value, &plugin::Limits) -> Result<P>,
) -> Result<P> {
    let name = &plugin.plugin;
    let is_path = name.contains(['/', '\\']) || name.ends_with(".wasm");
    let wanted = if is_path { config.resolve(Path::new(name)).to_string_lossy().into_owned() } else { name.clone() };
    let path = plugin::find(&wanted).map_err(|error| match error {
        Error::Config { problem, remedy, place: what } => {
            Error::config(config.place(&format!("{place}.plugin")), format!("{what}: {problem}"), remedy)
        }
        other => other,
    })?;
    if let Some(wanted) = &plugin.sha256 {
        plugin::check_sha256(name, &path, wanted, &plugin.limits)?;
    }
    load(name, &path, &plugin.config_json(&format!("{place}.config"))?, &plugin.limits)
}
