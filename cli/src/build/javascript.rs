//! JavaScript and TypeScript: componentize-js, with glue of ours between the author's class and the contract.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{interpreted, tools, wit};
use crate::{
    project::{Kind, Language, Manifest},
    terminal,
};

/// The release that is tested.
const TOOL: &str = "@bytecodealliance/componentize-js@0.23.0";
/// What turns TypeScript into what the engine reads.
const COMPILER: &str = "typescript";

/// What goes into every component, and what makes it.
const FILES: [(&str, &str); 8] = [
    ("build.mjs", include_str!("../../../guest-sdk/javascript/build.mjs")),
    ("curricle.js", include_str!("../../../guest-sdk/javascript/curricle.js")),
    ("glue/metric.js", include_str!("../../../guest-sdk/javascript/glue/metric.js")),
    ("glue/pacing.js", include_str!("../../../guest-sdk/javascript/glue/pacing.js")),
    ("glue/packer.js", include_str!("../../../guest-sdk/javascript/glue/packer.js")),
    ("glue/policy.js", include_str!("../../../guest-sdk/javascript/glue/policy.js")),
    ("glue/sandbox.js", include_str!("../../../guest-sdk/javascript/glue/sandbox.js")),
    ("glue/shared.js", include_str!("../../../guest-sdk/javascript/glue/shared.js")),
];

/// What `curricle` is to the compiler of TypeScript, and to editors.
const TYPES: [(&str, &str); 1] = [("curricle.d.ts", include_str!("../../../guest-sdk/javascript/curricle.d.ts"))];

/// Builds a project into a component.
pub(super) fn build(manifest: &Manifest) -> Result<Vec<u8>> {
    let typed = manifest.language == Language::Typescript;
    let node = node()?;
    let tool = package(&manifest.folder, "@bytecodealliance/componentize-js", TOOL)?;
    let sources = manifest.sources();
    let [entry] = sources.as_slice() else {
        bail!("`{}`: name one `source`; it imports what lies beside it", manifest.folder.display());
    };
    let kinds: &[&str] = if typed { &["ts"] } else { &["js", "mjs"] };
    let module = interpreted::stem(entry, kinds)?;
    let module = match entry.extension() {
        Some(kind) if !typed => format!("{module}.{}", kind.to_string_lossy()),
        _ => format!("{module}.js"),
    };
    interpreted::lay(&TYPES, &manifest.workshop()?.join("javascript"))?;

    // Apart from the project: two builds at once do not meet, and componentize-js takes no path with a space in it.
    let stage = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = stage.path();
    wit::write(folder)?;
    interpreted::lay(&FILES, folder)?;
    fs::create_dir_all(folder.join("source")).context("cannot make a temporary folder")?;
    fs::write(folder.join("entry.js"), entry_text(manifest, &module)?).context("cannot write a temporary file")?;
    if typed {
        compile(manifest, entry, folder, &node)?;
    } else {
        interpreted::copy_sources(entry, &["js", "mjs"], &folder.join("source"))?;
    }
    let mut command = Command::new(&node);
    command.current_dir(folder).arg("build.mjs").arg(&tool).arg(manifest.kind.world());
    interpreted::run(&mut command, "componentize-js", &manifest.folder)?;
    fs::read(folder.join("plugin.wasm")).context("componentize-js made no component")
}

/// The module that componentize-js is given.
fn entry_text(manifest: &Manifest, module: &str) -> Result<String> {
    let (glue, exports, remembers) = match manifest.kind {
        Kind::Policy => ("policy", "policy", "false"),
        Kind::StatefulPolicy => ("policy", "policy, snapshot", "true"),
        Kind::Metric => ("metric", "metric", "false"),
        Kind::Pacing => ("pacing", "pacing", "false"),
        Kind::Packer => ("packer", "packer", "false"),
    };
    let description = json!({
        "name": manifest.name,
        "version": manifest.version,
        "summary": manifest.summary,
        "configSchema": manifest.schema()?,
    });
    // The order counts: what a plugin lacks is taken away before its modules are read.
    Ok(format!(
        "import \"./glue/sandbox.js\";\nimport * as source from {};\nimport {{ exported }} from \"./glue/{glue}.js\";\n\
         export const {{ {exports} }} = exported(source, {description}, {remembers});\n",
        json!(format!("./source/{module}"))
    ))
}

/// TypeScript to JavaScript, with every check that the compiler has.
fn compile(manifest: &Manifest, entry: &Path, folder: &Path, node: &Path) -> Result<()> {
    let compiler = package(&manifest.folder, COMPILER, COMPILER)?;
    interpreted::lay(&TYPES, folder)?;
    interpreted::copy_sources(entry, &["ts"], &folder.join("typed"))?;
    let name = entry.file_name().unwrap_or_default().to_string_lossy();
    let config = json!({
        "compilerOptions": {
            "target": "es2022", "module": "es2022", "moduleResolution": "bundler", "lib": ["es2022"], "types": [],
            "strict": true, "noEmitOnError": true, "sourceMap": true, "skipLibCheck": true, "pretty": false,
            "rootDir": "typed", "outDir": "source", "paths": { "curricle": ["./curricle.d.ts"] },
        },
        "files": [format!("typed/{name}"), "curricle.d.ts"],
    });
    fs::write(folder.join("tsconfig.json"), config.to_string()).context("cannot write a temporary file")?;
    let mut command = Command::new(node);
    command.current_dir(folder).arg(compiler.join("bin/tsc")).args(["-p", "tsconfig.json"]);
    let output = command.output().with_context(|| format!("cannot start `{}`", node.display()))?;
    terminal::stop_if_asked(output.status.success(), "building")?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    // Places as everywhere here: `typed/plugin.ts(3,5): error …` becomes `plugin.ts:3:5: error …`.
    let place = |line: &str| match line.strip_prefix("typed/").and_then(|line| line.split_once("): ")) {
        Some((place, what)) => format!("{}: {what}", place.replace(['(', ','], ":")),
        None => line.to_owned(),
    };
    let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(place).collect();
    bail!("`{}` cannot be built:\n  {}", manifest.folder.display(), lines.join("\n  "));
}

/// Node, of `CURRICLE_TOOLS` or the path.
fn node() -> Result<PathBuf> {
    match tools::find("node") {
        Some(node) => Ok(node),
        None => bail!("Node is missing, which runs componentize-js; nodejs.org and every distribution have it (20 or later)"),
    }
}

/// The folder of a package of npm: of `CURRICLE_TOOLS`, the project, a folder above it, or those that are installed for all.
pub(crate) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let global = tools::find("node").and_then(|node| Some(fs::canonicalize(node).ok()?.parent()?.parent()?.join("lib")));
    // Programs of packages lie in `node_modules/.bin`, the packages beside it.
    let beside = interpreted::tool_folders()
        .into_iter()
        .filter(|folder| folder.ends_with(".bin"))
        .filter_map(|folder| Some(folder.parent()?.to_owned()));
    let others = interpreted::upwards(folder).into_iter().chain(global).map(|folder| folder.join("node_modules"));
    beside.chain(others).map(|modules| modules.join(name)).find(|package| package.join("package.json").is_file())
}

fn package(folder: &Path, name: &str, wanted: &str) -> Result<PathBuf> {
    match find(folder, name) {
        Some(package) => Ok(package),
        None => bail!("`{name}` is missing, which makes components of JavaScript; `npm install {wanted}` in the project gets it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_glue_is_part_of_this_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/javascript");
        let mut found: Vec<String> = walkdir::WalkDir::new(&folder)
            .into_iter()
            .map(|entry| entry.unwrap().into_path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "js" || kind == "mjs"))
            .map(|path| path.strip_prefix(&folder).unwrap().display().to_string())
            .collect();
        found.sort();
        assert_eq!(found, FILES.map(|(name, _)| name));
    }
}
