//! What languages that bring an interpreter share: finding their tools, and laying out what these read.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::terminal;

/// What marks a line that is for the plugin's author, among all that a tool prints.
const MARK: &str = "curricle: ";
/// Lines of a tool that failed without any such line which are shown.
const LAST_LINES: usize = 20;

/// Files that are part of this program.
pub(super) type Files = [(&'static str, &'static str)];

/// Folders of tools that somebody set up for this program: `CURRICLE_TOOLS`, a list as `PATH` is.
pub(super) fn tool_folders() -> Vec<PathBuf> {
    let folders = env::var_os("CURRICLE_TOOLS").unwrap_or_default();
    env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty()).collect()
}

/// The folder and those above it.
pub(super) fn upwards(folder: &Path) -> Vec<PathBuf> {
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    folder.ancestors().map(Path::to_owned).collect()
}

/// Writes files of this program below `folder`.
pub(super) fn lay(files: &Files, folder: &Path) -> Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create folder `{}`", parent.display()))?;
        }
        // An unchanged file keeps its time stamp, for whoever decides by it.
        if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            curricle::atomic::write(&path, text.as_bytes())?;
        }
    }
    Ok(())
}

/// Copies the author's sources: the files of these kinds beside the entry and below, without what is hidden, built or installed there.
pub(super) fn copy_sources(entry: &Path, kinds: &[&str], to: &Path) -> Result<()> {
    let folder = entry.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_source = |path: &Path| path.extension().and_then(OsStr::to_str).is_some_and(|kind| kinds.contains(&kind));
    let skipped = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let foreign = ["target", "node_modules", "__pycache__"].contains(&&*name) || entry.path().join("pyvenv.cfg").is_file();
        entry.depth() > 0 && (name.starts_with('.') || entry.file_type().is_dir() && foreign)
    };
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(|entry| !skipped(entry)) {
        let entry = entry.with_context(|| format!("cannot list `{}`", folder.display()))?;
        if !entry.file_type().is_file() || !is_source(entry.path()) {
            continue;
        }
        let target = to.join(entry.path().strip_prefix(folder).unwrap_or(entry.path()));
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create folder `{}`", parent.display()))?;
        }
        fs::copy(entry.path(), &target).with_context(|| format!("cannot copy `{}`", entry.path().display()))?;
    }
    Ok(())
}

/// The entry's name without its extension, and a check that the language can name it.
pub(super) fn stem<'a>(entry: &'a Path, kinds: &[&str]) -> Result<&'a str> {
    let kind = entry.extension().and_then(OsStr::to_str);
    match entry.file_stem().and_then(OsStr::to_str) {
        Some(stem) if kind.is_some_and(|kind| kinds.contains(&kind)) => Ok(stem),
        _ => bail!("`{}` is no source of this language; its name must end in .{}", entry.display(), kinds.join(" or .")),
    }
}

/// Runs a tool that makes a component of `folder`; what it has to say of the source is the error.
pub(super) fn run(tool: &mut Command, name: &str, folder: &Path) -> Result<()> {
    tool.stdin(Stdio::null());
    let output = tool.output().with_context(|| format!("cannot start `{}`", tool.get_program().display()))?;
    terminal::stop_if_asked(output.status.success(), "building")?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join("\n");
    tracing::debug!("{name} printed:\n{text}");
    let marked: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once(MARK)?.1)).collect();
    if !marked.is_empty() {
        bail!("`{}` cannot be built:\n  {}", folder.display(), marked.join("\n  "));
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n  ");
    bail!("`{}` cannot be built; {name} ended with {}, and last printed:\n  {last}", folder.display(), output.status);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_copied_without_what_is_built_or_installed() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["plugin.py", "part/a.py", "part/notes.txt", ".hidden/b.py", "target/c.py", "env/pyvenv.cfg", "env/lib/d.py"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let to = tempfile::tempdir().unwrap();
        copy_sources(&folder.path().join("plugin.py"), &["py"], to.path()).unwrap();
        let found: Vec<_> = walkdir::WalkDir::new(to.path())
            .sort_by_file_name()
            .into_iter()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().strip_prefix(to.path()).unwrap().to_owned())
            .collect();
        assert_eq!(found, [Path::new("part/a.py"), Path::new("plugin.py")]);
    }

    #[test]
    fn what_a_tool_says_to_the_author_is_told_from_what_it_says_besides() {
        let tool = |script: &str| {
            let mut tool = Command::new("sh");
            tool.args(["-c", script]);
            format!("{:#}", run(&mut tool, "tool", Path::new("mine")).unwrap_err())
        };
        let marked = tool("echo noise; echo 'curricle: plugin.py:3: wrong' >&2; exit 1");
        assert_eq!(marked, "`mine` cannot be built:\n  plugin.py:3: wrong");
        let other = tool("echo broken >&2; exit 7");
        assert_eq!(other, "`mine` cannot be built; tool ended with exit status: 7, and last printed:\n  broken");
    }

    #[test]
    fn an_entry_of_another_language_is_refused() {
        assert_eq!(stem(Path::new("a/plugin.py"), &["py"]).unwrap(), "plugin");
        let error = stem(Path::new("a/plugin.rs"), &["js", "mjs"]).unwrap_err();
        assert_eq!(format!("{error}"), "`a/plugin.rs` is no source of this language; its name must end in .js or .mjs");
    }
}
