//! From a core module to a component, and the check that it is a plugin and nothing more.

use anyhow::{Context, Result, anyhow, bail};
use wit_component::{ComponentEncoder, DecodedWasm};

const PACKAGE: &str = "curricle:plugin/";

/// A finished component.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) bytes: Vec<u8>,
    /// What it implements, in words.
    pub(super) world: &'static str,
}

/// Turns the module of plugin `name` into a validated component.
pub(super) fn from_module(name: &str, module: &[u8]) -> Result<Component> {
    let encoded = ComponentEncoder::default().validate(true).module(module).and_then(|mut encoder| encoder.encode());
    let bytes = encoded.map_err(|e| anyhow!("{e:#}")).with_context(|| {
        format!(
            "the module of `{name}` is no plugin; has its code a `curricle_guest::export!`, and no `extern` function that the host lacks?"
        )
    })?;
    let (imports, exports) = interfaces(&bytes).with_context(|| format!("cannot read the component of `{name}` back"))?;
    if let Some(foreign) = imports.iter().find(|import| !import.starts_with(PACKAGE)) {
        bail!("`{name}` imports `{foreign}`, which no plugin is given; remove the dependency that asks for it");
    }
    let world = world(&exports)
        .ok_or_else(|| anyhow!("`{name}` exports {}, which is no plugin; has its code a `curricle_guest::export!`?", list(&exports)))?;
    Ok(Component { bytes, world })
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
        let name = export.strip_prefix(PACKAGE)?;
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
        let error = format!("{:#}", from_module("mine", empty).unwrap_err());
        assert!(error.starts_with("`mine` exports nothing, which is no plugin; has its code a `curricle_guest::export!`?"), "{error}");
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
