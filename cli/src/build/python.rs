use anyhow::{Result, bail};

use crate::project::Manifest;

/// Builds a project into a component.
pub(super) fn build(manifest: &Manifest) -> Result<Vec<u8>> {
    bail!("`{}`: this language cannot be built yet", manifest.folder.display());
}
