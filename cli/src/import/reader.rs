//! Documents in order, a batch at a time, from any place on.

use curricle::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{
    files::{Kind, SourceFile},
    lines::Lines,
    rows::{Row, Rows},
};

/// Bytes and documents of a batch. Small enough that an interrupt is soon noticed and memory stays small, large enough for all threads.
const BATCH_BYTES: u64 = 2 << 20;
const BATCH_DOCUMENTS: usize = 4096;

/// A place between two documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Files that are done with.
    pub(super) file: u64,
    /// Lines or rows of the next one that are done with.
    pub(super) record: u64,
    /// Bytes of these lines, after unpacking.
    pub(super) byte: u64,
}

/// A document as it lies in its file.
pub(super) enum Raw {
    /// All of the file, still to be read.
    File,
    /// A line of JSON.
    Line(Vec<u8>),
    /// A row of a table.
    Row(Row),
}

/// A document to be prepared.
pub(super) struct Item {
    pub(super) raw: Raw,
    /// Its file, as a position in the list.
    pub(super) file: usize,
    /// Where the next document is looked for.
    pub(super) next: Position,
}

enum Open {
    Lines(Lines),
    Rows(Box<Rows>),
}

/// Takes documents out of files.
pub(super) struct Reader<'a> {
    files: &'a [SourceFile],
    /// Fields of the text and of the domain.
    fields: (&'a str, Option<&'a str>),
    at: Position,
    open: Option<Open>,
    /// Bytes of the files that are done with.
    done: u64,
    /// An error that comes after the documents of the last batch.
    failed: Option<Error>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(files: &'a [SourceFile], fields: (&'a str, Option<&'a str>), at: Position) -> Reader<'a> {
        let done = files.iter().take(at.file as usize).map(|f| f.size).sum();
        Reader { files, fields, at, open: None, done, failed: None }
    }

    /// Bytes of the files that were read so far, about.
    pub(super) fn progress(&self) -> u64 {
        let inside = match &self.open {
            None => 0,
            Some(Open::Lines(lines)) => lines.progress(),
            Some(Open::Rows(rows)) => rows.progress(),
        };
        self.done + inside
    }

    /// The next documents; none at the end. After an error, documents before it come first.
    pub(super) fn next_batch(&mut self) -> Result<Vec<Item>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH_BYTES && batch.len() < BATCH_DOCUMENTS {
            match self.next() {
                Ok(Some((item, size))) => {
                    batch.push(item);
                    bytes += size;
                }
                Ok(None) => break,
                Err(error) if batch.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(batch)
    }

    fn next(&mut self) -> Result<Option<(Item, u64)>> {
        loop {
            let index = self.at.file as usize;
            let Some(file) = self.files.get(index) else { return Ok(None) };
            let found = match (&mut self.open, file.kind) {
                (_, Kind::Text) => {
                    self.leave(file);
                    return Ok(Some((Item { raw: Raw::File, file: index, next: self.at }, file.size)));
                }
                (None, Kind::Lines(packing)) => {
                    self.open = Some(Open::Lines(Lines::open(file, packing, self.at.record, self.at.byte)?));
                    continue;
                }
                (None, Kind::Parquet) => {
                    let (text, domain) = self.fields;
                    self.open = Some(Open::Rows(Box::new(Rows::open(file, self.at.record, text, domain)?)));
                    continue;
                }
                (Some(Open::Lines(lines)), _) => {
                    let line = lines.next()?;
                    self.at = Position { record: lines.line(), byte: lines.byte(), ..self.at };
                    line.map(|line| (line.len() as u64, Raw::Line(line)))
                }
                (Some(Open::Rows(rows)), _) => {
                    let row = rows.next()?;
                    self.at.record = rows.row();
                    row.map(|row| (row.0.as_ref().map_or(0, Vec::len) as u64, Raw::Row(row)))
                }
            };
            match found {
                Some((size, raw)) => return Ok(Some((Item { raw, file: index, next: self.at }, size))),
                None => self.leave(file),
            }
        }
    }

    fn leave(&mut self, file: &SourceFile) {
        self.open = None;
        self.done += file.size;
        self.at = Position { file: self.at.file + 1, record: 0, byte: 0 };
    }
}
