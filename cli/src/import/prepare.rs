//! One document, from what lies in a file to what is written: the part that runs on all threads.

use std::{borrow::Cow, fs, path::PathBuf};

use curricle::{Error, Result};

use super::{
    bad_source,
    files::SourceFile,
    lines::{at, fields},
    options::Domain,
    reader::{Item, Position, Raw},
    tokenize::Tokenizer,
};

/// What decides about tokens and domain of a document.
pub(super) struct Recipe<'a> {
    pub(super) files: &'a [SourceFile],
    pub(super) tokenizer: &'a Tokenizer,
    /// Field of the text.
    pub(super) text: &'a str,
    pub(super) domain: &'a Domain,
}

/// A document to be written.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    /// Little-endian; empty if the document has none and is to be skipped.
    pub(super) tokens: Vec<u8>,
    pub(super) category: Option<Cow<'a, str>>,
    pub(super) text_bytes: u64,
    /// Where the next document is looked for.
    pub(super) next: Position,
    /// Where it lies, for messages.
    pub(super) place: Place<'a>,
}

/// Where a document lies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place<'a> {
    file: Option<&'a SourceFile>,
    /// Line, counted from 1, or row, counted from 0.
    record: Option<u64>,
}

impl Place<'_> {
    /// The path with the line or row, as `file:12`.
    pub(super) fn path(&self) -> PathBuf {
        let path = self.file.map(|f| f.path.clone()).unwrap_or_default();
        self.record.map_or_else(|| path.clone(), |record| at(&path, record))
    }
}

impl<'a> Recipe<'a> {
    /// Makes tokens of a document and finds out its domain.
    pub(super) fn prepare(&self, item: Item) -> Result<Prepared<'a>> {
        let file = self.files.get(item.file);
        let mut place = Place { file, record: None };
        let (text, category) = match item.raw {
            Raw::File => (file.map(read).transpose()?.unwrap_or_default(), None),
            Raw::Line(line) => {
                place.record = Some(item.next.record);
                fields(&line, &|| place.path(), self.text, self.domain.field())?
            }
            Raw::Row((text, domain)) => {
                place.record = Some(item.next.record.saturating_sub(1));
                (text.unwrap_or_default(), domain)
            }
        };
        let category = category.map(Cow::Owned).or_else(|| file.and_then(|f| f.category.as_deref()).map(Cow::Borrowed));
        let text_bytes = text.len() as u64;
        let tokens = self.tokenizer.encode(text, &|| place.path())?;
        Ok(Prepared { tokens, category, text_bytes, next: item.next, place })
    }
}

fn read(file: &SourceFile) -> Result<Vec<u8>> {
    let text = fs::read(&file.path).map_err(Error::io("read", &file.path))?;
    if text.len() as u64 != file.size {
        let problem = format_args!("it had {} bytes when the import began, and has {}", file.size, text.len());
        return Err(bad_source(&file.path, problem, "import again when nobody writes to it"));
    }
    Ok(text)
}
