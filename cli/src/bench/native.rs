//! The native build of a plugin's crate: a program beside it that runs the same code without a sandbox.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use curricle::{PacingSource, plugin::Kind};
use serde_json::{Value, json};

use super::{
    Pacings,
    data::{self, Chunk, Column},
    measure::{BATCH, CHUNK, PACKED},
    spread::Spread,
};
use crate::terminal;

/// Builds the program for the crate in `folder` and runs it: times of each work, in the order of the sandboxed ones.
///
/// # Errors
/// If it cannot be built, or refuses the configuration.
pub(super) fn measure(folder: &Path, kind: Kind, config: &Value, pacings: &Pacings, times: u64) -> Result<Vec<Spread>> {
    let folder = folder.canonicalize()?;
    let package = Package::of(&folder)?;
    let place = folder.join("target/curricle/bench");
    fs::create_dir_all(place.join("src")).with_context(|| format!("cannot create `{}`", place.display()))?;
    let program = match kind {
        Kind::Policy | Kind::StatefulPolicy => include_str!("native/policy.rs"),
        Kind::Metric => include_str!("native/metric.rs"),
        Kind::Pacing => include_str!("native/pacing.rs"),
        Kind::Packer => include_str!("native/packer.rs"),
        other => bail!("no program runs {other:?} natively"),
    };
    put(&place.join("src/main.rs"), program)?;
    put(&place.join("Cargo.toml"), &package.manifest(&folder))?;
    if let Some(lock) = &package.lock {
        // The versions that the plugin was built with; cargo takes out what is not needed.
        put(&place.join("Cargo.lock"), &fs::read_to_string(lock)?)?;
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--quiet", "--target-dir"]).arg(place.join("target")).current_dir(&place);
    let output = cargo.stdin(Stdio::null()).output().context("cannot start cargo; install Rust from rustup.rs")?;
    terminal::stop_if_asked(output.status.success(), "measuring natively")?;
    if !output.status.success() {
        bail!("the native build failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let asked = place.join("asked.json");
    put(&asked, &question(kind, config, pacings, times, &place)?.to_string())?;
    let output = Command::new(place.join("target/release/curricle-bench-native")).arg(&asked).stdin(Stdio::null()).output()?;
    terminal::stop_if_asked(output.status.success(), "measuring natively")?;
    if !output.status.success() {
        bail!("natively the plugin refused or failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let found: Vec<Vec<f64>> = serde_json::from_slice(&output.stdout).context("the native program wrote no times")?;
    Ok(found.into_iter().filter_map(Spread::of).collect())
}

/// What the program is to do, with the data that the sandboxed plugin was given.
fn question(kind: Kind, config: &Value, pacings: &Pacings, times: u64, place: &Path) -> Result<Value> {
    let mut asked = json!({ "config": config, "times": times });
    match kind {
        Kind::Policy | Kind::StatefulPolicy => {
            asked["samples"] = data::SAMPLES.into();
            asked["batch"] = BATCH.into();
            for (name, pacing) in pacings {
                let PacingSource::Curve(curve) = pacing.source(|key| format!("pacing.{name}.{key}"))? else {
                    bail!("the pacing function `{name}` is a plugin, which has no native build here");
                };
                let difficulties: Vec<f64> = (0..=times.saturating_add(times / 10)).map(|step| curve.difficulty(step)).collect();
                asked["pacings"][name] = json!(difficulties);
            }
            for (name, column) in data::columns(config) {
                let names = if let Column::Categories(names) = &column { json!(names) } else { Value::Null };
                let values: Vec<f64> = column.values(data::SAMPLES).collect();
                asked["columns"][name] = json!({ "names": names, "values": values });
            }
        }
        Kind::Metric => {
            let mut chunks = Vec::new();
            for width in [1, 2, 4] {
                let chunk = Chunk::new(width, CHUNK);
                let tokens = place.join(format!("tokens-{width}.bin"));
                curricle::atomic::write(&tokens, &chunk.tokens)?;
                chunks.push(json!({ "width": chunk.width, "tokens": tokens.display().to_string(), "offsets": chunk.offsets }));
            }
            asked["chunks"] = chunks.into();
        }
        Kind::Pacing => {}
        Kind::Packer => {
            let (samples, capacity) = PACKED;
            asked["lengths"] = json!(data::packed_lengths(samples, capacity));
            asked["capacity"] = capacity.into();
        }
        other => bail!("no program runs {other:?} natively"),
    }
    Ok(asked)
}

/// What cargo knows of the plugin's package.
struct Package {
    name: String,
    /// How to depend on the guest SDK that the plugin depends on.
    sdk: String,
    lock: Option<PathBuf>,
}

impl Package {
    fn of(folder: &Path) -> Result<Package> {
        let manifest = folder.join("Cargo.toml");
        let mut cargo = Command::new("cargo");
        cargo.args(["metadata", "--format-version", "1", "--manifest-path"]).arg(&manifest);
        let output = cargo.stdin(Stdio::null()).output().context("cannot start cargo; install Rust from rustup.rs")?;
        terminal::stop_if_asked(output.status.success(), "measuring natively")?;
        if !output.status.success() {
            bail!("cargo cannot read `{}`: {}", manifest.display(), String::from_utf8_lossy(&output.stderr).trim());
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo wrote no metadata")?;
        let packages = metadata["packages"].as_array().context("cargo knows no package")?;
        let own = packages.iter().find(|p| p["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest));
        let name = own.and_then(|p| p["name"].as_str()).with_context(|| format!("`{}` is no package", manifest.display()))?;
        let sdk = packages.iter().find(|p| p["name"] == "curricle-guest").context("the plugin does not depend on `curricle-guest`")?;
        let version = sdk["version"].as_str().unwrap_or("*");
        let place = sdk["manifest_path"].as_str().map(Path::new).and_then(Path::parent);
        let sdk = match (sdk["source"].is_null(), place) {
            (true, Some(place)) => toml::Value::String(place.display().to_string()).to_string(),
            _ => return Ok(Package { name: name.to_owned(), sdk: format!("\"={version}\""), lock: lock(&metadata) }),
        };
        Ok(Package { name: name.to_owned(), sdk: format!("{{ path = {sdk} }}"), lock: lock(&metadata) })
    }

    /// A package of its own workspace, so that it asks no other.
    fn manifest(&self, folder: &Path) -> String {
        let path = toml::Value::String(folder.display().to_string());
        format!(
            "[package]\nname = \"curricle-bench-native\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[workspace]\n\n[dependencies]\n\
             plugin = {{ package = \"{}\", path = {path} }}\ncurricle-guest = {}\nserde_json = \"1\"\n\n\
             [profile.release]\nopt-level = 3\nlto = true\ncodegen-units = 1\npanic = \"abort\"\n",
            self.name, self.sdk
        )
    }
}

fn lock(metadata: &Value) -> Option<PathBuf> {
    Some(Path::new(metadata["workspace_root"].as_str()?).join("Cargo.lock")).filter(|path| path.is_file())
}

/// Writes a file that is not so yet: cargo goes by times.
fn put(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        curricle::atomic::write(path, text.as_bytes())?;
    }
    Ok(())
}
