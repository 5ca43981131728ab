//! The Rust SDK as a project carries it: whole, with a manifest that needs no workspace around it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use include_dir::{Dir, include_dir};
use toml::{Table, Value};

use super::below::below;

static SOURCE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/src");
static DERIVE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/derive");
static CONTRACT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../wit");
const MANIFEST: &str = include_str!("../../../guest-sdk/Cargo.toml");
const README: &str = include_str!("../../../guest-sdk/README.md");
const WORKSPACE: &str = include_str!("../../../Cargo.toml");
/// Where it goes in a project.
const PLACE: &str = "vendor/curricle-guest";

/// Its files, by their paths in a project.
///
/// # Errors
/// If its manifest inherits what the workspace does not have.
pub(super) fn vendored() -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let place = Path::new(PLACE);
    let mut files = vec![(place.join("Cargo.toml"), manifest(MANIFEST, WORKSPACE)?.into_bytes()), (place.join("README.md"), README.into())];
    for (name, folder) in [("src", &SOURCE), ("derive", &DERIVE), ("wit", &CONTRACT)] {
        for file in below(folder) {
            let bytes = match file.path() == Path::new("Cargo.toml") {
                true => manifest(file.contents_utf8().unwrap_or_default(), WORKSPACE)?.into_bytes(),
                false => file.contents().to_owned(),
            };
            files.push((place.join(name).join(file.path()), bytes));
        }
    }
    Ok(files)
}

/// The manifest with everything written out that it inherits.
fn manifest(own: &str, workspace: &str) -> Result<String> {
    let mut own: Table = toml::from_str(own).context("cannot read the SDK's manifest")?;
    let workspace: Table = toml::from_str(workspace).context("cannot read the manifest of the SDK's workspace")?;
    let workspace = workspace.get("workspace").and_then(Value::as_table).context("the SDK's workspace is none")?;
    let part = |name: &str| workspace.get(name).and_then(Value::as_table);
    if let (Some(package), Some(inherited)) = (own.get_mut("package").and_then(Value::as_table_mut), part("package")) {
        inherit(package, inherited)?;
    }
    if let Some(inherited) = part("dependencies") {
        each_dependencies(&mut own, &mut |dependencies| inherit(dependencies, inherited))?;
    }
    // What it was checked with is its workspace's business.
    own.remove("lints");
    own.remove("dev-dependencies");
    Ok(toml::to_string(&own)?)
}

/// Calls for `[dependencies]`, and for those of each target.
fn each_dependencies(manifest: &mut Table, call: &mut impl FnMut(&mut Table) -> Result<()>) -> Result<()> {
    for (key, value) in manifest.iter_mut() {
        match (key.as_str(), value) {
            ("dependencies", Value::Table(dependencies)) => call(dependencies)?,
            ("target", Value::Table(targets)) => {
                targets
                    .iter_mut()
                    .filter_map(|(_, target)| target.as_table_mut())
                    .try_for_each(|target| each_dependencies(target, call))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Puts what the workspace says where a table says `KEY.workspace = true`; what else it says of the key is added.
fn inherit(table: &mut Table, workspace: &Table) -> Result<()> {
    for (key, value) in table.iter_mut() {
        let Some(wish) = value.as_table().filter(|wish| wish.contains_key("workspace")) else { continue };
        let inherited = workspace.get(key).ok_or_else(|| anyhow!("the SDK's workspace has no `{key}`"))?;
        let mut more = wish.clone();
        more.remove("workspace");
        *value = match inherited {
            _ if more.is_empty() => inherited.clone(),
            Value::Table(inherited) => Value::Table(inherited.clone().into_iter().chain(more).collect()),
            version => Value::Table([("version".to_owned(), version.clone())].into_iter().chain(more).collect()),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_itself_what_it_inherited() {
        let own = "[package]\nname = \"a\"\nversion.workspace = true\n[dependencies]\nb.workspace = true\nc = { workspace = true, optional = true }\n\
                   [target.'cfg(x)'.dependencies]\nc.workspace = true\n[lints]\nworkspace = true\n";
        let workspace =
            "[workspace.package]\nversion = \"1.2.3\"\n[workspace.dependencies]\nb = { version = \"2\", features = [\"d\"] }\nc = \"3\"\n";
        let made: Table = toml::from_str(&manifest(own, workspace).unwrap()).unwrap();
        let wanted = "[package]\nname = \"a\"\nversion = \"1.2.3\"\n[dependencies]\nb = { version = \"2\", features = [\"d\"] }\n\
                      c = { version = \"3\", optional = true }\n[target.'cfg(x)'.dependencies]\nc = \"3\"\n";
        assert_eq!(made, toml::from_str(wanted).unwrap());
        let error = manifest("[dependencies]\ne.workspace = true\n", workspace).unwrap_err();
        assert_eq!(error.to_string(), "the SDK's workspace has no `e`");
    }

    #[test]
    fn the_sdk_goes_along_whole_with_the_contract() {
        let files = vendored().unwrap();
        let text = |path: &str| {
            let path = Path::new(PLACE).join(path);
            files.iter().find(|(p, _)| *p == path).map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        };
        for manifest in ["Cargo.toml", "derive/Cargo.toml"] {
            assert!(text(manifest).contains("name") && !text(manifest).contains("workspace"), "{}", text(manifest));
        }
        assert!(text("wit/types.wit").contains("package curricle:plugin@"));
        assert!(text("src/bindings/policy.rs").contains("policy-plugin"));
    }
}
