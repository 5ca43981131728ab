//! Where in a file of TOML something stands.

use toml::de::DeTable;

use crate::Error;

/// A file's name and text.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceText {
    name: String,
    text: String,
}

impl SourceText {
    pub(crate) fn new(name: &str, text: &str) -> SourceText {
        SourceText { name: name.to_owned(), text: text.to_owned() }
    }

    /// What the reader of TOML says of it, with its place.
    pub(crate) fn refuse(&self, error: &toml::de::Error, remedy: &str) -> Error {
        let place = error.span().map_or_else(|| self.name.clone(), |span| self.place(span.start));
        Error::config(place, error.message().replace('\n', ", "), remedy)
    }

    /// `file:line:column` of the value of a key such as `batch.global-batch-size`; the key itself where the text does not have it.
    pub(crate) fn place_of(&self, key: &str) -> String {
        self.find(key).map_or_else(|| key.to_owned(), |byte| self.place(byte))
    }

    /// Where the value of a key begins. The text is parsed once more: only errors ask.
    pub(crate) fn find(&self, key: &str) -> Option<usize> {
        let document = DeTable::parse(&self.text).ok()?;
        let mut table = document.get_ref();
        let mut found = None;
        for part in key.split('.') {
            let (_, value) = table.iter().find(|(name, _)| name.get_ref() == part)?;
            found = Some(value.span().start);
            match value.get_ref().as_table() {
                Some(inner) => table = inner,
                None => break,
            }
        }
        found
    }

    /// `file:line:column` of a byte, both counted from 1.
    pub(crate) fn place(&self, byte: usize) -> String {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}", self.name)
    }
}
