//! From a core module to a component, and the check that it is a plugin and nothing more.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use curricle::plugin;
use wasmparser::Parser;
use wit_component::{ComponentEncoder, DecodedWasm};

use super::section;

const PACKAGE: &str = "curricle:plugin/";

/// A finished component.
#[derive(Debug)]
pub(super) struct Component {
    /// The plugin's name.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// What it implements, in words.
    pub(super) world: &'static str,
}

impl Component {
    /// Checks that the component of plugin `name` is a plugin and nothing more, and labels it.
    pub(super) fn new(name: &str, version: &str, interpreted: bool, bytes: Vec<u8>) -> Result<Component> {
        let (imports, exports) = interfaces(&bytes).with_context(|| format!("cannot read the component of `{name}` back"))?;
        if let Some(foreign) = imports.iter().find(|import| !import.starts_with(PACKAGE)) {
            bail!("`{name}` imports `{foreign}`, which no plugin is given; remove the dependency that asks for it");
        }
        let Some(world) = world(&exports) else {
            bail!("`{name}` exports {}, which is no plugin; has its code {EXPORT}?", list(&exports));
        };
        let bytes = section::put(&bytes, name, version, interpreted).with_context(|| format!("cannot label the component of `{name}`"))?;
        Ok(Component { name: name.to_owned(), bytes, world })
    }
}

impl Component {
    /// Describes it in the sandbox, which finds what its outside does not show: a wrong type, a label that is not what the plugin says of
    /// itself, a schema that is no JSON.
    pub(super) fn check(&self) -> Result<()> {
        plugin::inspect_bytes(&self.name, self.bytes.clone())
            .map(drop)
            .with_context(|| format!("`{}` was built, but is no plugin", self.name))
    }
}

/// How a plugin says what it is.
const EXPORT: &str = "a `curricle_guest::export!`, or in another language the exports of a world of `wit/`";

/// Turns the core module of plugin `name`, which has component types in a custom section, into a validated component.
pub(super) fn from_module(name: &str, module: &[u8]) -> Result<Vec<u8>> {
    let encoded = ComponentEncoder::default().validate(true).module(module).and_then(|mut encoder| encoder.encode());
    encoded.map_err(|e| anyhow!("{e:#}")).with_context(|| {
        format!("the module of `{name}` is no plugin; has its code {EXPORT}, and no `extern` function that the host lacks?")
    })
}

/// A component out of a file that another tool made. Name and version are those that the plugin gives itself.
pub(super) fn from_file(path: &Path) -> Result<Component> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let bytes = if Parser::is_core_wasm(&bytes) { from_module(&name, &bytes)? } else { bytes };
    let seen =
        plugin::inspect_bytes(&path.display().to_string(), bytes.clone()).with_context(|| format!("`{}` is no plugin", path.display()))?;
    // Another tool's says nothing of it; its author knows.
    let interpreted = seen.label.is_some_and(|label| label.interpreted);
    Component::new(&seen.description.name, &seen.description.version, interpreted, bytes)
}

/// Names of the interfaces that a component imports and exports.
fn interfaces(component: &[u8]) -> Result<(Vec<String>, Vec<String>)> {
    let decoded = wit_component::decode(component).map_err(|e| anyhow!("{e:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        bail!("it decodes as a package of WIT");
    };
    let world = resolve.worlds.get(world).context("it has no world")?;
    let names = |keys: Vec<_>| keys.into_iter().map(|key| resolve.name_world_key(key)).collect();
    Ok((names(world.imports.keys().collect()), names(world.exports.keys().collect())))
}

fn world(exports: &[String]) -> Option<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for export in exports {
        // Tools leave exports of their own, as componentize-py its start, which nobody calls.
        let Some(name) = export.strip_prefix(PACKAGE) else { continue };
        names.push(name.split('@').next().unwrap_or(name));
    }
    names.sort_unstable();
    match names.as_slice() {
        ["policy"] => Some("policy"),
        ["policy", "snapshot"] => Some("stateful policy"),
        ["metric"] => Some("metric"),
        ["pacing"] => Some("pacing"),
        ["packer"] => Some("packer"),
        _ => None,
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".into();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_an_export_is_refused_with_what_to_write() {
        let empty = b"\0asm\x01\0\0\0";
        let component = from_module("mine", empty).unwrap();
        let error = format!("{:#}", Component::new("mine", "1.0.0", false, component).unwrap_err());
        assert!(error.starts_with("`mine` exports nothing, which is no plugin; has its code a `curricle_guest::export!`, or"), "{error}");
    }

    #[test]
    fn what_is_no_module_is_refused() {
        let error = format!("{:#}", from_module("mine", b"#!/bin/sh").unwrap_err());
        assert!(error.starts_with("the module of `mine` is no plugin; "), "{error}");
    }

    #[test]
    fn worlds_are_told_by_their_exports() {
        let exports = |names: &[&str]| names.iter().map(|name| format!("{PACKAGE}{name}@0.1.0")).collect::<Vec<_>>();
        assert_eq!(world(&exports(&["policy"])), Some("policy"));
        assert_eq!(world(&exports(&["snapshot", "policy"])), Some("stateful policy"));
        assert_eq!(world(&exports(&["metric", "policy"])), None);
        assert_eq!(world(&["wasi:cli/run@0.2.0".into()]), None);
    }
}
