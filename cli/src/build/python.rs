//! Python: componentize-py, with the package `curricle_guest` between the author's class and the contract.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{interpreted, tools, wit};
use crate::project::{Kind, Manifest};

/// The release that is tested.
const TOOL: &str = "componentize-py==0.25.1";

/// The package, part of this program.
const PACKAGE: [(&str, &str); 16] = [
    ("curricle_guest/__init__.py", include_str!("../../../guest-sdk/python/curricle_guest/__init__.py")),
    ("curricle_guest/_component.py", include_str!("../../../guest-sdk/python/curricle_guest/_component.py")),
    ("curricle_guest/_errors.py", include_str!("../../../guest-sdk/python/curricle_guest/_errors.py")),
    ("curricle_guest/_host.py", include_str!("../../../guest-sdk/python/curricle_guest/_host.py")),
    ("curricle_guest/_plan.py", include_str!("../../../guest-sdk/python/curricle_guest/_plan.py")),
    ("curricle_guest/_policy_host.py", include_str!("../../../guest-sdk/python/curricle_guest/_policy_host.py")),
    ("curricle_guest/_refusals.py", include_str!("../../../guest-sdk/python/curricle_guest/_refusals.py")),
    ("curricle_guest/_samples.py", include_str!("../../../guest-sdk/python/curricle_guest/_samples.py")),
    ("curricle_guest/_sandbox.py", include_str!("../../../guest-sdk/python/curricle_guest/_sandbox.py")),
    ("curricle_guest/_streams.py", include_str!("../../../guest-sdk/python/curricle_guest/_streams.py")),
    ("curricle_guest/_traceback.py", include_str!("../../../guest-sdk/python/curricle_guest/_traceback.py")),
    ("curricle_guest/_traits.py", include_str!("../../../guest-sdk/python/curricle_guest/_traits.py")),
    ("curricle_guest/dataset.py", include_str!("../../../guest-sdk/python/curricle_guest/dataset.py")),
    ("curricle_guest/log.py", include_str!("../../../guest-sdk/python/curricle_guest/log.py")),
    ("curricle_guest/pacings.py", include_str!("../../../guest-sdk/python/curricle_guest/pacings.py")),
    ("curricle_guest/testing.py", include_str!("../../../guest-sdk/python/curricle_guest/testing.py")),
];

/// Builds a project into a component.
pub(super) fn build(manifest: &Manifest) -> Result<Vec<u8>> {
    let tool = tool(&manifest.folder)?;
    let sources = manifest.sources();
    let [entry] = sources.as_slice() else {
        bail!("`{}`: name one `source`; Python imports what lies beside it", manifest.folder.display());
    };
    let module = interpreted::stem(entry, &["py"])?;
    if !is_identifier(module) || module == "curricle_guest" {
        bail!("`{}`: Python cannot import a module of this name; rename it to `plugin.py`, say", entry.display());
    }
    // The package stays with the project, for its tests and for editors.
    interpreted::lay(&PACKAGE, &manifest.workshop()?.join("python"))?;
    interpreted::lay(&[("curricle_guest/py.typed", "")], &manifest.workshop()?.join("python"))?;

    // Apart from the project: two builds at once do not meet, and componentize-py searches every folder that it is given.
    let stage = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = stage.path();
    wit::write(folder)?;
    interpreted::lay(&PACKAGE, &folder.join("python"))?;
    fs::write(folder.join("python").join(format!("{ENTRY}.py")), entry_text(manifest, module)?).context("cannot write a temporary file")?;
    interpreted::copy_sources(entry, &["py"], &folder.join("source"))?;
    fs::create_dir_all(folder.join("empty/lib/python3/site-packages")).context("cannot make a temporary folder")?;

    let mut command = Command::new(&tool);
    command.current_dir(folder).args(["-q", "-d", "wit", "-w", manifest.kind.world(), "componentize", "--stub-wasi"]);
    command.args(["-p", "python", "-p", "source", ENTRY, "-o", "plugin.wasm"]);
    // What is installed on this machine must not reach the component: an environment with nothing in it.
    command.env("VIRTUAL_ENV", folder.join("empty")).env_remove("PYTHONPATH").env("RUST_BACKTRACE", "0");
    interpreted::run(&mut command, "componentize-py", &manifest.folder)?;
    fs::read(folder.join("plugin.wasm")).context("componentize-py made no component")
}

/// Name of the module that is generated.
const ENTRY: &str = "curricle_entry";

/// The module that componentize-py is given.
fn entry_text(manifest: &Manifest, module: &str) -> Result<String> {
    // A JSON string is one of Python, too, as long as nothing beyond the Basic Multilingual Plane is escaped, which serde_json never does.
    let quote = |text: &str| json!(text).to_string();
    let kind = match manifest.kind {
        Kind::Policy => "policy",
        Kind::StatefulPolicy => "stateful-policy",
        Kind::Metric => "metric",
        Kind::Pacing => "pacing",
        Kind::Packer => "packer",
    };
    let [module, name, version, summary] = [module, &manifest.name, &manifest.version, &manifest.summary].map(quote);
    let schema = quote(&manifest.schema()?);
    Ok(format!(
        "from curricle_guest import _component\n\n\
         globals().update(_component.exports({module}, \"{kind}\", {name}, {version}, {summary}, {schema}))\n"
    ))
}

fn is_identifier(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// componentize-py: of `CURRICLE_TOOLS`, the `.venv` of a project in this folder or above it, or the path.
pub(crate) fn find(folder: &Path) -> Option<PathBuf> {
    let name = "componentize-py";
    let environments = interpreted::upwards(folder).into_iter().flat_map(|folder| [folder.join(".venv/bin"), folder.join("venv/bin")]);
    let folders = interpreted::tool_folders().into_iter().chain(environments);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file()).or_else(|| tools::find(name))
}

fn tool(folder: &Path) -> Result<PathBuf> {
    match find(folder) {
        Some(tool) => Ok(tool),
        None => bail!(
            "componentize-py is missing, which makes components of Python; `pip install {TOOL}` gets it, in the project's `.venv` or \
             wherever the path leads"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_package_is_part_of_this_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/python");
        let mut found: Vec<String> = walkdir::WalkDir::new(folder.join("curricle_guest"))
            .into_iter()
            .map(|entry| entry.unwrap().into_path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "py"))
            .map(|path| path.strip_prefix(&folder).unwrap().display().to_string())
            .collect();
        found.sort();
        assert_eq!(found, PACKAGE.map(|(name, _)| name));
    }

    #[test]
    fn names_that_python_cannot_import_are_told() {
        assert!(is_identifier("plugin") && is_identifier("_a1"));
        assert!(!is_identifier("warm-up") && !is_identifier("1a") && !is_identifier(""));
    }
}
