//! From a plugin's name in the run file to the plugin.

use std::path::Path;

use super::{config::RunConfig, on_fault, plugin_config::PluginConfig};
use crate::{Error, Result, hex, plugin};

/// Finds a plugin, checks its digest and loads it; `sha256` tells what was loaded.
pub(super) fn load<P>(
    config: &RunConfig,
    plugin: &PluginConfig,
    place: &str,
    load: impl FnOnce(&str, &Path, &serde_json::Value, &plugin::Limits) -> Result<P>,
    sha256: impl FnOnce(&P) -> [u8; 32],
) -> Result<P> {
    on_fault::check(config, plugin, place)?;
    let name = &plugin.plugin;
    let is_path = !name.starts_with(plugin::OCI) && (name.contains(['/', '\\']) || name.ends_with(".wasm"));
    let wanted = if is_path { config.resolve(Path::new(name)).to_string_lossy().into_owned() } else { name.clone() };
    let path = find(config, &wanted, plugin.sha256.as_deref(), &format!("{place}.plugin"))?;
    if let Some(wanted) = &plugin.sha256 {
        plugin::check_sha256(name, &path, wanted, &plugin.limits)?;
    }
    let loaded = load(name, &path, &plugin.config_json(&format!("{place}.config"))?, &plugin.limits)?;
    let here = hex(&sha256(&loaded));
    match &plugin.sha256 {
        Some(wanted) if !here.eq_ignore_ascii_case(wanted.trim()) => Err(Error::config(
            config.place(&format!("{place}.sha256")),
            format!("`{wanted}` was there to be checked, {here} to be loaded"),
            "let nobody write to the plugin's file while it is in use",
        )),
        _ => Ok(loaded),
    }
}

/// Loads the policy that decides in place of one that failed. It is found when the run is opened, not in the night in which it is needed.
pub(super) fn fall_back(config: &RunConfig) -> Result<plugin::PolicyPlugin> {
    const NAME: &str = "uniform";
    let path = find(config, NAME, None, "policy.on-fault")?;
    plugin::PolicyPlugin::load(NAME, &path, &serde_json::Value::Null, &plugin::Limits::default())
}

/// The file of a plugin, for the key at `place`.
fn find(config: &RunConfig, wanted: &str, sha256: Option<&str>, place: &str) -> Result<std::path::PathBuf> {
    plugin::find_pinned(wanted, sha256).map_err(|error| match error {
        Error::Config { problem, remedy, place: what } => Error::config(config.place(place), format!("{what}: {problem}"), remedy),
        other => other,
    })
}
