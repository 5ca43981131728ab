//! Where cargo puts what it makes for a workspace, and which folders its sources lie in.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::toolchain::Toolchain;
use crate::terminal;

/// What `cargo metadata` says of a workspace.
#[derive(Debug, Deserialize)]
pub(super) struct Layout {
    pub(super) workspace_root: PathBuf,
    target_directory: PathBuf,
    /// Where the parts go; the same as the other unless somebody chose it. Cargo before 1.91 knows one folder only.
    #[serde(default)]
    build_directory: Option<PathBuf>,
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    /// Of a dependency by path.
    #[serde(default)]
    path: Option<PathBuf>,
}

impl Layout {
    /// Asks cargo, which has its settings from the folder and those above it.
    pub(super) fn of(folder: &Path, toolchain: &Toolchain) -> Result<Layout> {
        let mut cargo = toolchain.cargo();
        cargo.current_dir(folder).args(["metadata", "--format-version", "1", "--no-deps"]);
        let output =
            cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot start cargo; install Rust from rustup.rs")?;
        terminal::stop_if_asked(output.status.success(), "building")?;
        if !output.status.success() {
            bail!("cargo could not read `{}`; its messages are above", folder.join("Cargo.toml").display());
        }
        serde_json::from_slice(&output.stdout).context("cannot read what `cargo metadata` says")
    }

    /// A folder for compiled dependencies that all projects share, unless the author chose where things go. The plugin itself goes where it
    /// would.
    pub(super) fn shared(&self) -> Option<PathBuf> {
        let chosen = self.target_directory != self.workspace_root.join("target");
        let parts_chosen = self.build_directory.as_ref().is_none_or(|folder| *folder != self.target_directory);
        if chosen || parts_chosen {
            return None;
        }
        // A cache that cannot be had is no reason not to build.
        curricle::cache_dir().ok().map(|cache| env::current_dir().unwrap_or_default().join(cache).join("cargo"))
    }

    /// Whether all sources lie in the workspace, whose paths cargo gives the compiler without the folder before them.
    pub(super) fn is_closed(&self) -> bool {
        let mut paths = self.packages.iter().flat_map(|package| &package.dependencies).filter_map(|dependency| dependency.path.as_ref());
        paths.all(|path| path.starts_with(&self.workspace_root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(target: &str, build: Option<&str>, path: &str) -> Layout {
        let metadata = serde_json::json!({
            "workspace_root": "/a",
            "target_directory": target,
            "build_directory": build,
            "packages": [{ "dependencies": [{ "name": "serde" }, { "name": "other", "path": path }] }],
        });
        serde_json::from_value(metadata).unwrap()
    }

    #[test]
    fn dependencies_are_shared_unless_the_author_chose_where_things_go() {
        assert!(layout("/a/target", Some("/a/target"), "/a/b").shared().is_some_and(|folder| folder.ends_with("cargo")));
        assert_eq!(layout("/elsewhere", Some("/elsewhere"), "/a/b").shared(), None);
        assert_eq!(layout("/a/target", Some("/a/build"), "/a/b").shared(), None);
        assert_eq!(layout("/a/target", None, "/a/b").shared(), None);
    }

    #[test]
    fn a_dependency_beside_the_workspace_is_noticed() {
        assert!(layout("/a/target", None, "/a/vendor/b").is_closed());
        assert!(!layout("/a/target", None, "/b").is_closed());
    }
}
