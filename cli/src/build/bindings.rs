//! The contract as the declarations of a language, generated here and now from the `wit/` of this release.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow};
use wit_bindgen_core::{
    Files, WorldGenerator,
    wit_parser::{Resolve, WorldId},
};

use super::wit;
use crate::project::Kind;

/// Writes `wit.h`, `wit.c` and `wit_component_type.o` for a kind of plugin into a folder.
pub(super) fn c(kind: Kind, folder: &Path) -> Result<()> {
    let options = wit_bindgen_c::Opts { rename_world: Some("wit".into()), ..Default::default() };
    generate(options.build(), kind, folder, |text| text)
}

/// Writes the packages of Go for a kind of plugin into the folder of the module `curricle`.
pub(super) fn go(kind: Kind, folder: &Path) -> Result<()> {
    let options =
        wit_bindgen_go::Opts { format: wit_bindgen_go::Format::False, pkg_name: Some("curricle/wit".into()), ..Default::default() };
    // The few shapes that bindings are written in are a part of our module, so that a plugin depends on no other.
    let edit = |text: String| text.replace("\"go.bytecodealliance.org/pkg/wit/", "\"curricle/internal/");
    generate(options.build(), kind, &folder.join("wit"), edit)
}

/// Writes the types of a kind of plugin into a core module, for tools that leave them out.
pub(super) fn embed(kind: Kind, module: &mut Vec<u8>) -> Result<()> {
    // The encoder's own reader of the contract: the generators' is of another version.
    let mut sources = wit_parser::SourceMap::new();
    for (name, text) in wit::FILES {
        sources.push_str(name, text);
    }
    let parsed = sources.parse().map_err(|(_, e)| anyhow!("{e}")).context("cannot read the contract")?;
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_group(parsed).map_err(|e| anyhow!("{e}")).context("cannot read the contract")?;
    let world = resolve.select_world(&[package], Some(kind.world())).map_err(|e| anyhow!("{e:#}"))?;
    wit_component::embed_component_metadata(module, &resolve, world, wit_component::StringEncoding::UTF8).map_err(|e| anyhow!("{e:#}"))
}

/// Generates, and writes each file that is not the same already, so that compilers see what changed. `edit` sees what is text.
fn generate(mut generator: Box<dyn WorldGenerator>, kind: Kind, folder: &Path, edit: impl Fn(String) -> String) -> Result<()> {
    let (mut resolve, world) = contract(kind)?;
    let mut files = Files::default();
    generator
        .generate(&mut resolve, world, &mut files)
        .map_err(|e| anyhow!("{e:#}"))
        .context("cannot generate bindings of the contract")?;
    for (name, content) in files.iter() {
        match std::str::from_utf8(content) {
            Ok(text) => write(&folder.join(name), edit(text.to_owned()).as_bytes())?,
            Err(_) => write(&folder.join(name), content)?,
        }
    }
    Ok(())
}

/// The contract, and the world of a kind of plugin in it.
fn contract(kind: Kind) -> Result<(Resolve, WorldId)> {
    let mut sources = wit_bindgen_core::wit_parser::SourceMap::new();
    for (name, text) in wit::FILES {
        sources.push_str(name, text);
    }
    let parsed = sources.parse().map_err(|(_, e)| anyhow!("{e}")).context("cannot read the contract")?;
    let mut resolve = Resolve::default();
    let package = resolve.push_group(parsed).map_err(|e| anyhow!("{e}")).context("cannot read the contract")?;
    let world = resolve.select_world(&[package], Some(kind.world())).map_err(|e| anyhow!("{e:#}"))?;
    Ok((resolve, world))
}

/// Writes a file, with the folders to it, unless its content is this already.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder).with_context(|| format!("cannot create folder `{}`", folder.display()))?;
    curricle::atomic::write(path, content)?;
    Ok(())
}
