//! `curricle build`: from the source of Rust plugins to components, with whatever compiler this machine has.

mod cargo;
mod component;
mod toolchain;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use self::{cargo::Module, toolchain::Toolchain};

/// Build plugins from Rust source.
///
/// Each folder holds a `Cargo.toml`: of one plugin, or of a workspace whose plugins are then all built at once. A plugin is a package with
/// the crate type `cdylib`; it becomes OUT/NAME.wasm, named as the package.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folders with a `Cargo.toml`.
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Where the components go; made if missing.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Builds every plugin, and writes each whole or not at all.
pub(crate) fn run(args: Args) -> Result<()> {
    fs::create_dir_all(&args.out).with_context(|| format!("cannot create folder `{}`", args.out.display()))?;
    for folder in &args.folders {
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            bail!("`{}` holds no `Cargo.toml`; name the folder of a plugin written in Rust", folder.display());
        }
        let toolchain = Toolchain::find(folder)?;
        for module in cargo::build(folder, &toolchain)? {
            write(&module, &args.out)?;
        }
    }
    Ok(())
}

fn write(module: &Module, out: &Path) -> Result<()> {
    let bytes = fs::read(&module.path).with_context(|| format!("cannot read `{}`", module.path.display()))?;
    let component = component::from_module(&module.name, &bytes)?;
    let target = out.join(format!("{}.wasm", module.name));
    // An unchanged file keeps its time stamp, for whoever decides by it.
    let old = fs::read(&target).ok();
    if old.as_deref() != Some(&component.bytes) {
        curricle::atomic::write(&target, &component.bytes)?;
    }
    let changed = if old.as_deref() == Some(&component.bytes) { ", unchanged" } else { "" };
    println!("{}: {}, {} KiB{changed}", target.display(), component.world, component.bytes.len().div_ceil(1024));
    Ok(())
}
