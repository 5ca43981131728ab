//! `curricle new`: a project that builds, passes its tests and samples something sensible as it stands.

mod below;
mod names;
mod sdk;
mod templates;
#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use curricle::atomic::AtomicFolder;

use crate::terminal::say;

use self::{names::Names, templates::Template};

/// Begin a plugin: a project that builds, passes its tests and samples something sensible as it stands.
///
/// It holds one source file, a scenario, a run file, a few texts to sample from, and a README that says what to do with them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle new short-first                            # a policy in Rust
  curricle new short-first --lang python
  curricle new repeats --kind metric --lang c
  curricle new shelves --kind packer --path plugins/shelves")]
pub(crate) struct Args {
    /// Name of the plugin: a-z, 0-9 and hyphen, a letter first.
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is: policy, stateful-policy, metric, pacing or packer.
    #[arg(long, value_name = "KIND", default_value = "policy")]
    kind: String,
    /// What it is written in: rust, c, cpp, go, python, javascript or typescript.
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    lang: String,
    /// Folder to make, or an empty one to fill; NAME here if left out.
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

/// Writes a project, whole or not at all.
pub(crate) fn run(args: Args) -> Result<()> {
    let names = Names::new(&args.name)?;
    let template = Template::find(&args.kind, &args.lang)?;
    let folder = args.path.unwrap_or_else(|| PathBuf::from(&args.name));
    refuse_occupied(&folder)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot create folder `{}`", parent.display()))?;
    let name = folder.file_name().with_context(|| format!("`{}` names no folder to make", folder.display()))?;
    let making = AtomicFolder::create(parent, &name.to_string_lossy(), false)?;
    for (path, bytes) in template.files(&names)? {
        let target = making.path().join(&path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create folder `{}`", parent.display()))?;
        }
        fs::write(&target, bytes).with_context(|| format!("cannot write `{}`", folder.join(path).display()))?;
    }
    making.publish(&folder).with_context(|| format!("cannot put the project at `{}`", folder.display()))?;
    say(format_args!("{}: {} {} in {}", folder.display(), article(template.kind), template.kind, template.language()))?;
    say(format_args!("next:\n  cd {}\n  curricle build .\n  curricle test .", quoted(&folder)))
}

/// Refuses what is there already, unless it is an empty folder.
fn refuse_occupied(folder: &Path) -> Result<()> {
    let there = fs::symlink_metadata(folder).is_ok();
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => bail!("`{}` is not empty; choose another folder with `--path`", folder.display()),
        Err(_) if there => bail!("`{}` is there already, and no folder; choose another place with `--path`", folder.display()),
        Err(_) => Ok(()),
    }
}

fn article(kind: &str) -> &'static str {
    if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// The folder as a shell reads it.
fn quoted(folder: &Path) -> String {
    let text = folder.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "-_./+".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
