//! One run of cargo, and what came out of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{
    component::{self, Component},
    layout::Layout,
    toolchain::{TARGET, Toolchain},
};
use crate::terminal;

/// The core module of one plugin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// Name of its package.
    pub(super) name: String,
    /// Version of its package.
    pub(super) version: String,
    pub(super) path: PathBuf,
    /// Where its `Cargo.toml` is.
    pub(super) folder: PathBuf,
}

impl Module {
    /// The component of it.
    pub(super) fn component(&self) -> Result<Component> {
        let bytes = fs::read(&self.path).with_context(|| format!("cannot read `{}`", self.path.display()))?;
        Component::new(&self.name, &self.version, false, component::from_module(&self.name, &bytes)?)
    }
}

/// Builds every plugin of the package or workspace in `folder`, in one run so that they share their dependencies.
pub(super) fn build(folder: &Path, toolchain: &Toolchain) -> Result<Vec<Module>> {
    let (mut cargo, layout) = (toolchain.cargo(), Layout::of(folder, toolchain)?);
    if let Some(shared) = layout.shared() {
        cargo.env("CARGO_BUILD_BUILD_DIR", shared);
    }
    // Cargo reads settings from the working folder upwards: the author's, not the caller's.
    cargo.current_dir(folder);
    cargo.args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    cargo.args(toolchain.build_args());
    cargo.args(path_free(&layout));
    if !sets_release_profile(folder)? {
        cargo.args(["--config", "profile.release.lto=true", "--config", "profile.release.codegen-units=1"]);
        cargo.args(["--config", "profile.release.strip=true", "--config", "profile.release.opt-level=3"]);
    }
    cargo.args(["--config", "profile.release.panic=\"abort\""]);
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot start cargo; install Rust from rustup.rs")?;
    terminal::stop_if_asked(output.status.success(), "building")?;
    if !output.status.success() {
        bail!("cargo could not build `{}`; its messages are above", folder.display());
    }
    let modules = modules(&String::from_utf8_lossy(&output.stdout));
    if modules.is_empty() {
        bail!("`{}` holds no plugin; a plugin's Cargo.toml says `[lib] crate-type = [\"cdylib\", \"rlib\"]`", folder.display());
    }
    Ok(modules)
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    /// `path+file:///folder#name@1.2.3`, or `…/name#1.2.3`.
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

/// The modules that cargo's messages name, in the order of their names.
fn modules(messages: &str) -> Vec<Module> {
    let mut modules = Vec::new();
    for message in messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok()) {
        let is_plugin = message.target.is_some_and(|target| target.crate_types.iter().any(|kind| kind == "cdylib"));
        if message.reason != "compiler-artifact" || !is_plugin {
            continue;
        }
        let wasm = message.filenames.iter().find(|file| file.extension().is_some_and(|e| e == "wasm"));
        if let (Some(path), Some(name)) = (wasm, package_name(&message.manifest_path)) {
            let version = message.package_id.rsplit(['#', '@']).next().unwrap_or_default().to_owned();
            let folder = message.manifest_path.parent().unwrap_or(Path::new("")).to_owned();
            modules.push(Module { name, version, path: path.clone(), folder });
        }
    }
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    modules
}

fn package_name(manifest: &Path) -> Option<String> {
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(manifest).ok()?).ok()?;
    Some(manifest.get("package")?.get("name")?.as_str()?.to_owned())
}

/// Whether the author chose release settings; then they hold, else ours do. Profiles count in the root of a workspace only, which is the
/// nearest folder upwards with a `[workspace]`.
fn sets_release_profile(folder: &Path) -> Result<bool> {
    let folder = fs::canonicalize(folder).with_context(|| format!("cannot find `{}`", folder.display()))?;
    for (depth, parent) in folder.ancestors().enumerate() {
        let Ok(text) = fs::read_to_string(parent.join("Cargo.toml")) else { continue };
        let manifest: toml::Table =
            toml::from_str(&text).with_context(|| format!("cannot read `{}`", parent.join("Cargo.toml").display()))?;
        if manifest.contains_key("workspace") || depth == 0 && manifest.get("package").is_some() {
            let profile = manifest.get("profile").and_then(|profile| profile.get("release"));
            if manifest.contains_key("workspace") || profile.is_some() {
                return Ok(profile.is_some());
            }
        }
    }
    Ok(false)
}

/// Arguments that keep this machine's folders out of panic messages: the same source gives the same plugin bytes in any checkout.
///
/// They are the same for every project whose sources all lie in it, so that what is compiled for one serves the others.
fn path_free(layout: &Layout) -> [String; 2] {
    let mut flags = Vec::new();
    if !layout.is_closed() {
        // The repository, not the workspace: path dependencies lie beside it.
        let root = layout.workspace_root.ancestors().find(|parent| parent.join(".git").exists()).unwrap_or(&layout.workspace_root);
        flags.push(format!("--remap-path-prefix={}=/source", root.display()));
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    if let Some(home) = home {
        flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
    }
    let flags: Vec<String> = flags.iter().map(|flag| toml::Value::from(flag.as_str()).to_string()).collect();
    ["--config".into(), format!("target.{TARGET}.rustflags=[{}]", flags.join(","))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_told_from_other_artifacts_by_their_crate_type() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("Cargo.toml");
        fs::write(&manifest, "[package]\nname = \"vocab-rarity\"").unwrap();
        let line = |kind: &str, file: &str| {
            serde_json::json!({
                "reason": "compiler-artifact",
                "package_id": "path+file:///vocab-rarity#1.2.3",
                "manifest_path": manifest,
                "target": {"crate_types": [kind, "rlib"]},
                "filenames": [file, "libother.rlib"],
            })
        };
        let messages =
            format!("{}\nnot json\n{}\n{{\"reason\":\"build-finished\"}}", line("cdylib", "vocab_rarity.wasm"), line("lib", "x.rlib"));
        let (name, version, path) = ("vocab-rarity".into(), "1.2.3".into(), "vocab_rarity.wasm".into());
        assert_eq!(modules(&messages), [Module { name, version, path, folder: folder.path().to_owned() }]);
    }

    #[test]
    fn the_authors_release_profile_holds_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let member = root.join("member");
        fs::create_dir(&member).unwrap();
        fs::write(root.join("Cargo.toml"), "[workspace]\n[profile.release]\nlto = true").unwrap();
        fs::write(member.join("Cargo.toml"), "[package]\nname = \"a\"").unwrap();
        assert!(sets_release_profile(&member).unwrap());
        fs::write(root.join("Cargo.toml"), "[workspace]").unwrap();
        assert!(!sets_release_profile(&member).unwrap());
        fs::write(member.join("Cargo.toml"), "[package]\nname = \"a\"\n[profile.release]\nopt-level = \"s\"").unwrap();
        assert!(sets_release_profile(&member).unwrap());
    }
}
