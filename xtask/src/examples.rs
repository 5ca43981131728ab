//! The worked examples in languages other than Rust. Some of their compilers take seconds and know of no other run, so what is as it was is left.

use std::{
    fs,
    hash::{DefaultHasher, Hasher},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    cargo::curricle,
    repository::{root, run, target},
};

/// What all of them are made with, besides their own folders.
const SHARED: [&str; 5] = ["wit", "guest-sdk", "cli/src/build", "cli/src/project.rs", "xtask/tools"];
/// What a build leaves behind.
const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// Builds those that changed since the last time.
pub(crate) fn build() -> Result<()> {
    build_all(&projects(&root().join("plugins").join("languages"))?, "plugins")
}

/// The same of plugins that tests alone want.
pub(crate) fn build_soak() -> Result<()> {
    let folder = root().join("tests").join("soak");
    build_all(&entries(&folder)?, "hostile")
}

fn build_all(projects: &[PathBuf], out: &str) -> Result<()> {
    let root = root();
    let mut shared = DefaultHasher::new();
    for path in SHARED {
        hash(&root.join(path), &mut shared)?;
    }
    let stamps = target().join(out).join(".built");
    fs::create_dir_all(&stamps).with_context(|| format!("cannot create `{}`", stamps.display()))?;
    for project in projects {
        let name = project.strip_prefix(&root).unwrap_or(project).display().to_string();
        let mut own = shared.clone();
        hash(project, &mut own)?;
        let (stamp, value) = (stamps.join(name.replace(['/', '\\'], "-")), format!("{:016x}", own.finish()));
        if fs::read_to_string(&stamp).is_ok_and(|old| old == value) {
            continue;
        }
        run(&format!("building {name}"), "", curricle().arg("build").arg(&name).args(["--out", &format!("target/{out}")]))?;
        fs::write(&stamp, value).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    }
    Ok(())
}

/// The folders LANGUAGE/KIND with a project that is not cargo's.
fn projects(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut projects = Vec::new();
    for language in entries(folder)? {
        if language.is_dir() {
            projects.extend(entries(&language)?.into_iter().filter(|project| project.join("curricle.toml").is_file()));
        }
    }
    Ok(projects)
}

/// Names and content of all files below a path, in the order of their names.
fn hash(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    if path.is_dir() {
        for entry in entries(path)? {
            let name = entry.file_name().unwrap_or_default();
            if !MADE.iter().any(|made| name == *made) {
                hasher.write(name.as_encoded_bytes());
                hash(&entry, hasher)?;
            }
        }
    } else {
        hasher.write(&fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?);
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read the folder `{}`", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
