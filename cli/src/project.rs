//! A plugin's project: a folder that `curricle build` makes a plugin of.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use curricle::plugin;
use serde::Deserialize;
use toml::de::DeTable;

use crate::text;

/// The file that describes a project in any language but Rust, which has its `Cargo.toml`.
pub(crate) const MANIFEST: &str = "curricle.toml";

/// What a folder holds.
#[derive(Debug)]
pub(crate) enum Project {
    /// A package, or a workspace of several, for cargo.
    Cargo(PathBuf),
    /// One plugin in another language.
    Manifest(Box<Manifest>),
}

/// A `curricle.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Manifest {
    /// As in the contract's `description.name`.
    pub(crate) name: String,
    /// Semantic version of the plugin.
    pub(crate) version: String,
    /// One sentence.
    pub(crate) summary: String,
    pub(crate) kind: Kind,
    pub(crate) language: Language,
    source: OneOrMore,
    #[serde(default)]
    schema: Option<PathBuf>,
    /// The project's folder.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

/// What the plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Policy,
    StatefulPolicy,
    Metric,
    Pacing,
    Packer,
}

impl Kind {
    /// Its world in `wit/`.
    pub(crate) fn world(self) -> &'static str {
        match self {
            Kind::Policy => "policy-plugin",
            Kind::StatefulPolicy => "stateful-policy-plugin",
            Kind::Metric => "metric-plugin",
            Kind::Pacing => "pacing-plugin",
            Kind::Packer => "packer-plugin",
        }
    }
}

/// What the plugin is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Language {
    C,
    Cpp,
    Go,
    Python,
    Javascript,
    Typescript,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(PathBuf),
    More(Vec<PathBuf>),
}

impl Project {
    /// Looks at a folder.
    pub(crate) fn open(folder: &Path) -> Result<Project> {
        let manifest = folder.join(MANIFEST);
        if manifest.is_file() {
            return Ok(Project::Manifest(Box::new(Manifest::read(&manifest)?)));
        }
        if folder.join("Cargo.toml").is_file() {
            return Ok(Project::Cargo(folder.to_owned()));
        }
        if !folder.is_dir() {
            bail!("`{}` is no folder; name the folder of a plugin's project, or a `.wasm` file", folder.display());
        }
        bail!(
            "`{}` holds neither a `Cargo.toml` nor a `{MANIFEST}`; name the folder of a plugin's project, or begin one with `curricle new`",
            folder.display()
        );
    }

    /// Whether a folder is one.
    pub(crate) fn is(folder: &Path) -> bool {
        folder.join(MANIFEST).is_file() || folder.join("Cargo.toml").is_file()
    }
}

impl Manifest {
    fn read(path: &Path) -> Result<Manifest> {
        let text = text::without_mark(fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?);
        // The error of the reader shows the line and what is accepted there.
        let mut manifest: Manifest =
            toml::from_str(&text).with_context(|| format!("`{}` is no description of a plugin", path.display()))?;
        manifest.folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let sources = manifest.sources();
        if sources.is_empty() {
            bail!("`{}`: `source` names no file; name the plugin's source", path.display());
        }
        for source in sources {
            if !source.is_file() {
                bail!(
                    "`{}`: there is no `{}`; `source` names the plugin's source, from the folder of this file",
                    path.display(),
                    source.display()
                );
            }
        }
        manifest.check_schema()?;
        manifest.check_description(path, &text)?;
        Ok(manifest)
    }

    /// What the plugin will say of itself, held to the contract while its places are known.
    fn check_description(&self, path: &Path, text: &str) -> Result<()> {
        let Some(flaw) = plugin::find_flaw(&self.name, &self.version, &self.summary, &self.schema()?) else { return Ok(()) };
        match &self.schema {
            Some(file) if flaw.field == "config-schema" => {
                let place = if flaw.pointer.is_empty() { String::new() } else { format!(", at `{}`", flaw.pointer) };
                bail!("`{}`{place}: {}", self.folder.join(file).display(), flaw.problem)
            }
            _ => bail!("`{}{}`: {}", path.display(), place_of(text, flaw.field), flaw.problem),
        }
    }

    /// The source files; the first is the entry.
    pub(crate) fn sources(&self) -> Vec<PathBuf> {
        let files = match &self.source {
            OneOrMore::One(file) => std::slice::from_ref(file),
            OneOrMore::More(files) => files,
        };
        files.iter().map(|file| self.folder.join(file)).collect()
    }

    /// The JSON Schema of the configuration; empty if the plugin has none.
    pub(crate) fn schema(&self) -> Result<String> {
        let Some(file) = &self.schema else { return Ok(String::new()) };
        let path = self.folder.join(file);
        fs::read_to_string(&path).map(text::without_mark).with_context(|| format!("cannot read the schema `{}`", path.display()))
    }

    fn check_schema(&self) -> Result<()> {
        let Some(file) = &self.schema else { return Ok(()) };
        let path = self.folder.join(file);
        let value: serde_json::Value = serde_json::from_str(&self.schema()?)
            .with_context(|| format!("`{}` is no JSON; a schema is a JSON Schema (draft 2020-12)", path.display()))?;
        if !value.is_object() {
            bail!("`{}` is no JSON Schema: it must be an object, such as {{\"type\": \"object\"}}", path.display());
        }
        Ok(())
    }

    /// The project's folder for what a build makes, below `target`; made if missing.
    pub(crate) fn workshop(&self) -> Result<PathBuf> {
        let folder = self.folder.join("target").join("curricle");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create folder `{}`", folder.display()))?;
        Ok(folder)
    }
}

/// `:line:column` of the value of a key, both counted from 1; nothing where the text does not have it.
fn place_of(text: &str, key: &str) -> String {
    let place = || {
        let document = DeTable::parse(text).ok()?;
        let (_, value) = document.get_ref().iter().find(|(name, _)| name.get_ref() == key)?;
        let before = text.get(..value.span().start)?;
        let line = before.matches('\n').count() + 1;
        Some(format!(":{line}:{}", before.rsplit('\n').next()?.chars().count() + 1))
    };
    place().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"a\"\nversion = \"0.1.0\"\nsummary = \"A.\"\nkind = \"policy\"\nlanguage = \"python\"\nsource = \"a.py\"\n";

    fn project(manifest: &str) -> (tempfile::TempDir, Result<Project>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MANIFEST), manifest).unwrap();
        fs::write(folder.path().join("a.py"), "").unwrap();
        fs::write(folder.path().join("bad.json"), "{").unwrap();
        fs::write(folder.path().join("marked.json"), "\u{feff}{}").unwrap();
        fs::write(folder.path().join("wrong.json"), r#"{"properties": {"steps": {"minimum": "x"}}}"#).unwrap();
        let project = Project::open(folder.path());
        (folder, project)
    }

    fn refusal(manifest: &str) -> String {
        let (folder, project) = project(manifest);
        format!("{:#}", project.unwrap_err()).replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn a_manifest_names_a_plugin() {
        let (folder, project) = project(GOOD);
        let Project::Manifest(manifest) = project.unwrap() else { panic!("no manifest") };
        assert_eq!((manifest.name.as_str(), manifest.kind, manifest.language), ("a", Kind::Policy, Language::Python));
        assert_eq!(manifest.sources(), [folder.path().join("a.py")]);
        assert_eq!(manifest.schema().unwrap(), "");
    }

    #[test]
    fn a_wrong_manifest_is_refused_with_its_line() {
        let text = refusal(&GOOD.replace("python", "cobol"));
        assert!(text.contains("TOML parse error at line 5") && text.contains("expected one of `c`, `cpp`, `go`, `python`"), "{text}");
        let text = refusal(&format!("{GOOD}scema = \"x\"\n"));
        assert!(text.contains("line 7") && text.contains("unknown field `scema`"), "{text}");
    }

    #[test]
    fn missing_files_and_schemas_that_are_no_json_are_refused_by_name() {
        assert_eq!(
            refusal(&GOOD.replace("a.py", "b.py")),
            "`curricle.toml`: there is no `b.py`; `source` names the plugin's source, from the folder of this file"
        );
        let text = refusal(&format!("{GOOD}schema = \"bad.json\"\n"));
        assert!(text.starts_with("`bad.json` is no JSON; a schema is a JSON Schema (draft 2020-12): EOF while parsing"), "{text}");
        assert!(text.contains("line 1"), "{text}");
    }

    #[test]
    fn what_the_contract_forbids_is_refused_with_its_place_before_anything_is_built() {
        let text = refusal(&GOOD.replace("0.1.0", "one"));
        assert_eq!(text, "`curricle.toml:2:11`: its version is `one`, a semantic version such as `1.4.0` is expected");
        let text = refusal(&GOOD.replace("name = \"a\"", "name = \"../up\""));
        assert!(text.starts_with("`curricle.toml:1:8`: it calls itself `../up`, a name is 1 to 64 of a-z"), "{text}");
        let text = refusal(&GOOD.replace("A.", &"A".repeat(257)));
        assert_eq!(text, "`curricle.toml:3:11`: its summary has 257 bytes, at most 256 are allowed");
        let text = refusal(&format!("{GOOD}schema = \"wrong.json\"\n"));
        assert!(text.starts_with("`wrong.json`, at `/properties/steps/minimum`: its config-schema is no JSON Schema: \"x\""), "{text}");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_manifest_or_schema() {
        let (_folder, project) = project(&format!("\u{feff}{GOOD}schema = \"marked.json\"\n"));
        let Project::Manifest(manifest) = project.unwrap() else { panic!("no manifest") };
        assert_eq!(manifest.schema().unwrap(), "{}");
        let text = refusal(&format!("\u{feff}{}", GOOD.replace("name = \"a\"", "name = \"A\"")));
        assert!(text.starts_with("`curricle.toml:1:8`: "), "{text}");
    }

    #[test]
    fn a_folder_without_a_project_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{:#}", Project::open(folder.path()).unwrap_err());
        assert!(text.ends_with("name the folder of a plugin's project, or begin one with `curricle new`"), "{text}");
    }
}
