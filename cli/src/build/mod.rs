//! `curricle build`: from a project in any language to a component, with whatever compiler this machine has.

mod adapter;
mod bindings;
mod cargo;
mod clang;
mod component;
mod go;
mod interpreted;
mod javascript;
mod layout;
mod python;
mod section;
mod toolchain;
pub(crate) mod tools;
mod turn;
mod wit;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

pub(crate) use self::{
    clang::Compiler,
    go::{OLDEST as OLDEST_GO, version as go_version},
    javascript::find as find_package,
    python::find as find_componentize_py,
};
use self::{component::Component, toolchain::Toolchain};
use crate::{
    project::{Language, Project},
    terminal,
};

/// Build plugins from their source.
///
/// A folder holds a `Cargo.toml`, of one Rust plugin or of a workspace whose plugins are then all built, or a `curricle.toml` that says in what
/// language the plugin is written. It becomes OUT/NAME.wasm: a component that imports nothing but the contract, and bears its name, its
/// version and the contract's. A `.wasm` file that another tool made, core module or component, becomes one too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle build                               # the project in this folder
  curricle build my-policy --out plugins
  curricle build core.wasm                     # a module with embedded component types")]
pub(crate) struct Args {
    /// Folders of projects, or `.wasm` files.
    #[arg(value_name = "DIR", default_value = ".")]
    folders: Vec<PathBuf>,
    /// Where the components go; made if missing.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Builds every plugin, and writes each whole or not at all.
pub(crate) fn run(args: Args) -> Result<()> {
    for folder in &args.folders {
        for built in build(folder, &args.out)? {
            let changed = if built.changed { "" } else { ", unchanged" };
            terminal::say(format_args!("{}: {}, {} KiB{changed}", built.path.display(), built.world, built.size.div_ceil(1024)))?;
        }
    }
    Ok(())
}

/// A plugin that was built.
#[derive(Debug)]
pub(crate) struct Built {
    /// Its file.
    pub(crate) path: PathBuf,
    /// Where its source is: of a workspace, the folder of its package.
    pub(crate) folder: PathBuf,
    /// What it implements, in words.
    pub(crate) world: &'static str,
    size: usize,
    changed: bool,
}

/// Builds what a folder or a file holds into `out`.
pub(crate) fn build(source: &Path, out: &Path) -> Result<Vec<Built>> {
    let components = if source.extension().is_some_and(|e| e == "wasm") && source.is_file() {
        vec![(component::from_file(source)?, source.parent().unwrap_or(Path::new("")).to_owned())]
    } else {
        project(source)?
    };
    terminal::stop_if_asked(true, "building")?;
    fs::create_dir_all(out).with_context(|| format!("cannot create folder `{}`", out.display()))?;
    components.into_iter().map(|(component, folder)| write(component, folder, out)).collect()
}

/// The components of a project, each with the folder of its source.
fn project(folder: &Path) -> Result<Vec<(Component, PathBuf)>> {
    match Project::open(folder)? {
        Project::Cargo(folder) => {
            let toolchain = Toolchain::find(&folder)?;
            cargo::build(&folder, &toolchain)?.into_iter().map(|module| Ok((module.component()?, module.folder))).collect()
        }
        Project::Manifest(manifest) => {
            let interpreted = matches!(manifest.language, Language::Python | Language::Javascript | Language::Typescript);
            let bytes = match manifest.language {
                Language::C | Language::Cpp => clang::build(&manifest)?,
                Language::Go => go::build(&manifest)?,
                Language::Python => python::build(&manifest)?,
                Language::Javascript | Language::Typescript => javascript::build(&manifest)?,
            };
            Ok(vec![(Component::new(&manifest.name, &manifest.version, interpreted, bytes)?, manifest.folder)])
        }
    }
}

fn write(component: Component, folder: PathBuf, out: &Path) -> Result<Built> {
    let path = out.join(format!("{}.wasm", component.name));
    // An unchanged file keeps its time stamp, for whoever decides by it.
    let changed = fs::read(&path).ok().as_deref() != Some(&component.bytes);
    if changed {
        component.check()?;
        terminal::stop_if_asked(true, "building")?;
        curricle::atomic::write(&path, &component.bytes)?;
    }
    Ok(Built { path, folder, world: component.world, size: component.bytes.len(), changed })
}
