//! The templates, as `cli/templates/README.md` lays them out.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use include_dir::{Dir, include_dir};

use super::{below::below, names::Names, sdk};

static TEMPLATES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// What belongs to all languages.
const SHARED: &str = "shared";
/// What belongs to all kinds.
const EVERY: &str = "every-kind";

/// Kinds of plugins, and what the template of each does, in a sentence.
const KINDS: [(&str, &str); 5] = [
    ("policy", "Short samples alone for the first steps, then everything"),
    ("stateful-policy", "Samples come again after so many steps, beside those that are new"),
    ("metric", "Share of distinct tokens in each sample"),
    ("pacing", "A straight line from one difficulty to another"),
    ("packer", "Each sample into the first of the last few rows that has room"),
];

/// Languages by the names of their folders, what people call them, and what else they may be called on the command line.
const LANGUAGES: [(&str, &str, &[&str]); 7] = [
    ("rust", "Rust", &["rs"]),
    ("c", "C", &[]),
    ("cpp", "C++", &["c++", "cxx"]),
    ("go", "Go", &["golang"]),
    ("python", "Python", &["py"]),
    ("javascript", "JavaScript", &["js"]),
    ("typescript", "TypeScript", &["ts"]),
];

/// Languages whose plugins bring an interpreter, which takes more than the usual limits.
const INTERPRETED: [&str; 3] = ["python", "javascript", "typescript"];
const LIMITS: &str = "limits = { preset = \"interpreted\" }";

/// One kind in one language.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) kind: &'static str,
    summary: &'static str,
    folder: &'static str,
    language: &'static str,
}

/// All there are, in the order of languages and kinds.
pub(super) fn all() -> impl Iterator<Item = Template> {
    LANGUAGES.iter().flat_map(|&(folder, language, _)| {
        let exists = move |kind: &str| TEMPLATES.get_dir(Path::new(folder).join(kind)).is_some();
        KINDS.iter().filter(move |(kind, _)| exists(kind)).map(move |&(kind, summary)| Template { kind, summary, folder, language })
    })
}

impl Template {
    /// The template of a kind in a language, by the names that people give them.
    pub(super) fn find(kind: &str, language: &str) -> Result<Template> {
        let spelt = language.to_ascii_lowercase();
        let known = LANGUAGES.iter().find(|(folder, _, others)| *folder == spelt || others.contains(&spelt.as_str()));
        let Some((folder, _, _)) = known.filter(|(folder, ..)| all().any(|template| template.folder == *folder)) else {
            let languages: BTreeSet<&str> = all().map(|template| template.folder).collect();
            bail!("there is no template for the language `{}`; there are {}", language.escape_debug(), list(languages));
        };
        if !KINDS.iter().any(|(known, _)| *known == kind) {
            bail!("there is no kind `{}` of plugin; there are {}", kind.escape_debug(), list(KINDS.map(|(kind, _)| kind)));
        }
        let found = all().find(|template| template.folder == *folder && template.kind == kind);
        found.with_context(|| {
            let kinds: Vec<&str> = all().filter(|template| template.folder == *folder).map(|template| template.kind).collect();
            let languages: Vec<&str> = all().filter(|template| template.kind == kind).map(|template| template.folder).collect();
            format!(
                "there is no template of a {kind} in {folder}; in {folder} there are {}; a {kind} there is in {}",
                list(kinds),
                list(languages)
            )
        })
    }

    /// What people call its language.
    pub(super) fn language(&self) -> &'static str {
        self.language
    }

    /// Every file of a project, by its path in it.
    ///
    /// # Errors
    /// If the SDK that goes with it cannot be made ready, which is a defect of this program.
    pub(super) fn files(&self, names: &Names) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
        let notes = TEMPLATES.get_file(Path::new(self.folder).join("notes.md")).and_then(|file| file.contents_utf8()).unwrap_or_default();
        let interpreted = INTERPRETED.contains(&self.folder);
        let limits = |text: &str| match interpreted {
            true => text
                .replace("{{limits}}", LIMITS)
                .replace("{{and-limits}}", &format!(", {LIMITS}"))
                .replace("{{limits-option}}", " --limits interpreted"),
            false => text.replace("{{limits}}\n", "").replace("{{and-limits}}", "").replace("{{limits-option}}", ""),
        };
        let fill = |text: &str| {
            let text = limits(&text.replace("{{notes}}", notes.trim_end()));
            let text = text.replace("{{name}}", &names.kebab).replace("{{snake}}", &names.snake()).replace("{{Name}}", &names.camel());
            text.replace("{{kind}}", self.kind).replace("{{language}}", self.language).replace("{{summary}}", self.summary)
        };
        let mut files = BTreeMap::new();
        if self.folder == "rust" {
            files.extend(sdk::vendored()?);
        }
        for layer in [[SHARED, EVERY], [SHARED, self.kind], [self.folder, EVERY], [self.folder, self.kind]] {
            let Some(folder) = TEMPLATES.get_dir(layer.iter().collect::<PathBuf>()) else { continue };
            for file in below(folder) {
                let path = file.path().strip_prefix(folder.path()).unwrap_or(file.path()).to_string_lossy();
                let path = fill(path.strip_suffix(".in").unwrap_or(&path));
                let bytes = match file.contents_utf8() {
                    Some(text) => Cow::Owned(fill(text).into_bytes()),
                    None => Cow::Borrowed(file.contents()),
                };
                files.insert(PathBuf::from(path), bytes.into_owned());
            }
        }
        Ok(files)
    }
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
