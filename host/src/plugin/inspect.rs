//! What a plugin is, without using it.

use std::path::Path;

use super::{
    cache::Cache,
    label::Label,
    limits::Limits,
    metric::MetricWorld,
    outline::Kind,
    pacing::PacingWorld,
    packer::PackerWorld,
    policy_imports::PolicyWorld,
    schema,
    source::Source,
    world::{Description, Loaded, PluginFile, World},
};
use crate::Result;

/// What there is to know about a plugin's file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// What it is for.
    pub kind: Kind,
    /// Names of the interfaces that it imports.
    pub imports: Vec<String>,
    /// Names of the interfaces that it exports.
    pub exports: Vec<String>,
    /// Version of the contract that it is built for.
    pub contract: String,
    /// What `curricle build` wrote on it; none on a component that another tool made.
    pub label: Option<Label>,
    /// Bytes of the file.
    pub size: u64,
    /// Digest of the file.
    pub sha256: [u8; 32],
    /// What it says of itself.
    pub description: Description,
}

/// Inspects the plugin in the file at `path`: everything that loading it checks, but for a configuration. Limits are those for interpreted
/// guests, so that any plugin can be looked at.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if the file cannot be read; [`Error::Plugin`](crate::Error::Plugin) if it is no plugin that this host can
/// run.
pub fn inspect(path: &Path) -> Result<Inspection> {
    let (limits, cache) = (Limits::interpreted(), Cache::of_user());
    let source = Source::open(&path.display().to_string(), path, &limits, &cache)?;
    inspect_source(source, &limits, cache)
}

/// As [`inspect`], of a plugin that is in memory; messages call it `name`.
///
/// # Errors
/// [`Error::Plugin`](crate::Error::Plugin) if it is no plugin that this host can run.
pub fn inspect_bytes(name: &str, bytes: Vec<u8>) -> Result<Inspection> {
    let limits = Limits::interpreted();
    inspect_source(Source::of_bytes_within(name, bytes, &limits)?, &limits, Cache::of_user())
}

fn inspect_source(source: Source, limits: &Limits, cache: Cache) -> Result<Inspection> {
    let file = PluginFile::new(source, limits, cache)?;
    let description = match file.outline.kind {
        Kind::Pacing => described::<PacingWorld>(&file, limits)?,
        Kind::Metric => described::<MetricWorld>(&file, limits)?,
        Kind::Policy | Kind::StatefulPolicy => described::<PolicyWorld>(&file, limits)?,
        Kind::Packer => described::<PackerWorld>(&file, limits)?,
    };
    schema::read(&file.source.name, &description.config_schema)?;
    let PluginFile { source, outline, .. } = file;
    Ok(Inspection {
        contract: outline.contract().to_owned(),
        label: outline.label,
        kind: outline.kind,
        imports: outline.imports,
        exports: outline.exports,
        size: source.size,
        sha256: source.sha256,
        description,
    })
}

fn described<W: World>(file: &PluginFile, limits: &Limits) -> Result<Description> {
    Ok(Loaded::<W>::link(W::PROFILE, file, limits)?.description().clone())
}
