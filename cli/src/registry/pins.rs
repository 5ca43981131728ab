//! The plugins that a run file names, and their digests in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use curricle::plugin::{self, OCI};
use toml_edit::{DocumentMut, Item, TableLike, value};

use crate::text::BYTE_ORDER_MARK;

/// A run file whose pins can be changed, all else of it left as it is.
pub(super) struct RunFile {
    path: PathBuf,
    text: String,
    /// The text as the document writes it as long as no pin is changed.
    unchanged: String,
    document: DocumentMut,
}

/// A plugin in a run file.
pub(super) struct Named {
    /// Where, such as `policy` or `pacing.length`.
    pub(super) place: String,
    keys: Vec<String>,
    /// As it is written there.
    pub(super) plugin: String,
    pub(super) sha256: Option<String>,
}

impl Named {
    /// Whether a registry has it.
    pub(super) fn is_reference(&self) -> bool {
        self.plugin.starts_with(OCI)
    }
}

impl RunFile {
    pub(super) fn read(path: &Path) -> Result<RunFile> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read the run file `{}`", path.display()))?;
        // Everything that the host would refuse is refused here, by the host.
        curricle::RunConfig::load(path)?;
        RunFile::of(path, text)
    }

    fn of(path: &Path, text: String) -> Result<RunFile> {
        let document: DocumentMut = text.parse().with_context(|| format!("`{}` is no run file", path.display()))?;
        Ok(RunFile { path: path.to_owned(), text, unchanged: document.to_string(), document })
    }

    /// The plugins that it names: `[policy]`, the packer of `[batch]`, `[pacing.*]`.
    pub(super) fn plugins(&self) -> Vec<Named> {
        let mut places = vec![vec!["policy".to_owned()], vec!["batch".to_owned(), "packer".to_owned()]];
        if let Some(pacing) = self.document.get("pacing").and_then(Item::as_table_like) {
            places.extend(pacing.iter().map(|(name, _)| vec!["pacing".to_owned(), name.to_owned()]));
        }
        places.into_iter().filter_map(|keys| self.named(keys)).collect()
    }

    fn named(&self, keys: Vec<String>) -> Option<Named> {
        let table = keys.iter().try_fold(self.document.as_item(), |item, key| item.get(key))?.as_table_like()?;
        let word = |key: &str| Some(table.get(key)?.as_str()?.to_owned());
        Some(Named { place: keys.join("."), plugin: word("plugin")?, sha256: word("sha256"), keys })
    }

    /// The file of a plugin that no registry has.
    pub(super) fn file(&self, named: &Named) -> Result<PathBuf> {
        let name = &named.plugin;
        let is_path = name.contains(['/', '\\']) || name.ends_with(".wasm");
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let wanted = if is_path { folder.join(name).to_string_lossy().into_owned() } else { name.clone() };
        plugin::find(&wanted).with_context(|| format!("{}: [{}]", self.path.display(), named.place))
    }

    /// Writes a digest behind the plugin's name.
    pub(super) fn pin(&mut self, named: &Named, sha256: &str) {
        let table = named.keys.iter().try_fold(self.document.as_item_mut(), |item, key| item.get_mut(key));
        let Some(table) = table.and_then(Item::as_table_like_mut) else { return };
        if let Some(old) = table.get_mut("sha256").and_then(Item::as_value_mut) {
            // What is written around a value, a comment say, stays.
            let decor = old.decor().clone();
            *old = sha256.into();
            *old.decor_mut() = decor;
        } else {
            insert_behind_plugin(table, sha256);
        }
    }

    /// Writes the file if anything changed, and says whether.
    pub(super) fn save(&self) -> Result<bool> {
        let text = self.document.to_string();
        let changed = text != self.unchanged;
        if changed {
            curricle::atomic::write(&self.path, as_before(&self.text, &text).as_bytes())?;
        }
        Ok(changed)
    }
}

/// A changed text with the byte order mark and the line ends of the one before, of which a document keeps neither.
fn as_before(before: &str, changed: &str) -> String {
    let changed = changed.strip_prefix(BYTE_ORDER_MARK).unwrap_or(changed);
    let (ends, long) = (before.matches('\n').count(), before.matches("\r\n").count());
    let changed = if ends > 0 && ends == long { changed.replace("\r\n", "\n").replace('\n', "\r\n") } else { changed.to_owned() };
    if before.starts_with(BYTE_ORDER_MARK) { format!("{BYTE_ORDER_MARK}{changed}") } else { changed }
}

fn insert_behind_plugin(table: &mut dyn TableLike, sha256: &str) {
    let order: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    table.insert("sha256", value(sha256));
    // A key goes where the sort puts it; what was there keeps its order.
    let place = |key: &str| match key {
        "sha256" => order.iter().position(|other| other == "plugin").map_or(order.len(), |at| at + 1) * 2 - 1,
        key => order.iter().position(|other| other == key).unwrap_or(order.len()) * 2,
    };
    let mut keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    keys.sort_by_key(|key| place(key));
    let mut moved: Vec<_> = keys.iter().filter_map(|key| Some((table.key(key)?.clone(), table.remove(key)?))).collect();
    for (key, item) in moved.drain(..) {
        table.entry_format(&key).or_insert(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "# a run\nseed = 7\n\n[dataset]\npath = \"data\"   # tokens\n\n[policy]\n# short first\nplugin = \"mixture\"  # built in\nconfig = { a = 1 }\n\n\
                       [batch]\nglobal-batch-size = 4\npacker = { plugin = \"p.wasm\", config = {} }\n\n[pacing.length]\nplugin = \"oci://a.example/b:1\"\n";

    fn run_file() -> (tempfile::TempDir, RunFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        fs::write(&path, RUN).unwrap();
        (folder, RunFile::of(&path, RUN.into()).unwrap())
    }

    #[test]
    fn all_plugins_of_a_run_file_are_found() {
        let (_folder, run) = run_file();
        let plugins = run.plugins();
        let found: Vec<_> = plugins.iter().map(|named| (named.place.as_str(), named.plugin.as_str(), named.is_reference())).collect();
        assert_eq!(
            found,
            [("policy", "mixture", false), ("batch.packer", "p.wasm", false), ("pacing.length", "oci://a.example/b:1", true)]
        );
    }

    #[test]
    fn a_pin_stands_behind_the_name_and_nothing_else_changes() {
        let (_folder, mut run) = run_file();
        for named in run.plugins() {
            run.pin(&named, "aa");
        }
        let expected = RUN
            .replace("# built in\n", "# built in\nsha256 = \"aa\"\n")
            .replace("\"p.wasm\",", "\"p.wasm\", sha256 = \"aa\",")
            .replace("b:1\"\n", "b:1\"\nsha256 = \"aa\"\n");
        assert_eq!(run.document.to_string(), expected);
        for named in run.plugins() {
            assert_eq!(named.sha256.as_deref(), Some("aa"));
            run.pin(&named, "bb");
        }
        assert_eq!(run.document.to_string(), expected.replace("\"aa\"", "\"bb\""));
        assert!(run.save().unwrap());
    }

    #[test]
    fn a_byte_order_mark_and_the_line_ends_of_another_system_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        for text in [format!("\u{feff}{RUN}"), RUN.replace('\n', "\r\n"), format!("\u{feff}{RUN}").replace('\n', "\r\n")] {
            let mut run = RunFile::of(&path, text.clone()).unwrap();
            assert!(!run.save().unwrap() && !path.exists(), "{text:?}");
            let policy = run.plugins().remove(0);
            run.pin(&policy, "aa");
            assert!(run.save().unwrap());
            let end = if text.contains('\r') { "\r\n" } else { "\n" };
            let pinned = text.replace(&format!("# built in{end}"), &format!("# built in{end}sha256 = \"aa\"{end}"));
            assert_eq!(fs::read_to_string(&path).unwrap(), pinned);
            fs::remove_file(&path).unwrap();
        }
    }
}
