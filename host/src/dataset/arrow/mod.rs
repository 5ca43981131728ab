//! Arrow IPC files and streams, read in place: a list column whose rows are documents.
//!
//! Only the metadata of each record batch is read when a file is opened; the tokens stay where they are. The arrays of the arrow crates are
//! not used for this, since they check every offset when they are made and panic where a file points outside of itself.

mod claims;
mod column;
mod messages;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, ops::Range, path::Path};

use arrow_ipc::RecordBatch;

pub(crate) use self::column::{Column, Rows, choose};
use self::{column::Places, messages::Messages};
use super::{
    TokenType,
    mmap::{Mapped, array4, array8, bytes_at},
};
use crate::{Error, Result};

/// What to do about a file that cannot be right.
const DAMAGED: &str = "copy or write the file again";

/// A mapped list column.
#[derive(Debug)]
pub(crate) struct ArrowTokens {
    map: Mapped,
    column: Column,
    batches: Vec<Batch>,
    n_documents: u64,
    n_tokens: u64,
}

/// Where one record batch keeps the column.
#[derive(Debug)]
struct Batch {
    /// Documents and tokens in the batches before.
    first_document: u64,
    first_token: u64,
    /// Documents here.
    n: u64,
    /// Where the offsets are, in bytes of the file; unused by rows of fixed length.
    offsets_at: u64,
    /// Where the values are, in bytes of the file, and how many.
    values_at: u64,
    n_values: u64,
    /// The value at which the first document begins.
    base: u64,
}

impl ArrowTokens {
    /// Opens a file or stream. None if it is compressed, so that it cannot be read in place.
    pub(crate) fn open(path: &Path, wanted: Option<&str>) -> Result<Option<ArrowTokens>> {
        let map = Mapped::open(path)?;
        let messages = Messages::read(&map, path)?;
        let column = choose(path, &messages.schema, wanted)?;
        let mut tokens = ArrowTokens { column, batches: Vec::new(), n_documents: 0, n_tokens: 0, map };
        let mut compressed = false;
        for (i, block) in messages.blocks.iter().enumerate() {
            let wrong = |problem: String| Error::dataset(path, format_args!("record batch {i}: {problem}"), DAMAGED);
            let message = messages::parse(&tokens.map, block).map_err(wrong)?;
            let Some(batch) = message.header_as_record_batch() else {
                return Err(wrong("it is no record batch".into()));
            };
            if batch.compression().is_some() {
                claims::check(&tokens.map, &batch, block).map_err(wrong)?;
                compressed = true;
            }
            if compressed {
                continue;
            }
            let places = column::places(&messages.schema, tokens.column.index, &batch, message.version());
            let places = places.ok_or_else(|| wrong("it has fewer buffers than its schema".into()))?;
            let found = tokens.locate(&batch, places, block.body_at, block.body_len).map_err(wrong)?;
            if let Some((batch, n_tokens)) = found {
                let n = batch.n;
                tokens.batches.push(batch);
                let counts = tokens.n_documents.checked_add(n).zip(tokens.n_tokens.checked_add(n_tokens));
                (tokens.n_documents, tokens.n_tokens) = counts.ok_or_else(|| wrong("it claims too many rows".into()))?;
            }
        }
        if !compressed {
            return Ok(Some(tokens));
        }
        // Whoever decodes the batches decodes these before them.
        for (i, block) in messages.dictionaries.iter().enumerate() {
            let wrong = |problem: String| Error::dataset(path, format_args!("dictionary {i}: {problem}"), DAMAGED);
            let message = messages::parse(&tokens.map, block).map_err(wrong)?;
            if let Some(batch) = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data()) {
                claims::check(&tokens.map, &batch, block).map_err(wrong)?;
            }
        }
        Ok(None)
    }

    /// Finds the column in a batch, and its tokens' number. None if the batch has no rows.
    fn locate(&self, batch: &RecordBatch<'_>, places: Places, body_at: u64, body_len: u64) -> Result<Option<(Batch, u64)>, String> {
        let node = |i: usize| {
            let node = batch.nodes().filter(|nodes| i < nodes.len()).map(|nodes| *nodes.get(i)).ok_or("a node is missing")?;
            let (len, nulls) =
                u64::try_from(node.length()).ok().zip(u64::try_from(node.null_count()).ok()).ok_or("a length is negative")?;
            Ok::<_, String>((len, nulls))
        };
        let buffer = |i: usize| {
            let buffer = batch.buffers().filter(|buffers| i < buffers.len()).map(|buffers| *buffers.get(i)).ok_or("a buffer is missing")?;
            let place = u64::try_from(buffer.offset()).ok().zip(u64::try_from(buffer.length()).ok());
            let inside = place.filter(|(at, len)| at.checked_add(*len).is_some_and(|end| end <= body_len));
            let (at, len) = inside.ok_or("a buffer lies outside of its record batch")?;
            Ok::<_, String>((body_at + at, len))
        };
        let (n, nulls) = node(places.node)?;
        if nulls > 0 {
            return Err(format!("{nulls} rows of column `{}` are null, which is no document", self.column.name));
        }
        if i64::try_from(n) != Ok(batch.length()) {
            return Err(format!("column `{}` has {n} rows and the batch {}", self.column.name, batch.length()));
        }
        if n == 0 {
            return Ok(None);
        }
        let (n_values, nulls) = node(places.node + 1)?;
        if nulls > 0 {
            return Err(format!("{nulls} tokens of column `{}` are null", self.column.name));
        }
        // Validity, offsets if there are any, validity of the values, values.
        let has_offsets = self.column.rows.offset_width().is_some() as usize;
        let (values_at, values_len) = buffer(places.buffer + 2 + has_offsets)?;
        if u128::from(values_len) < u128::from(n_values) * self.column.token_type.width() as u128 {
            return Err(format!("{values_len} bytes are too few for {n_values} tokens"));
        }
        let mut batch =
            Batch { first_document: self.n_documents, first_token: self.n_tokens, n, offsets_at: 0, values_at, n_values, base: 0 };
        if let Some(width) = self.column.rows.offset_width() {
            let (at, len) = buffer(places.buffer + 1)?;
            if u128::from(len) < (u128::from(n) + 1) * u128::from(width) {
                return Err(format!("{len} bytes are too few for the offsets of {n} rows"));
            }
            batch.offsets_at = at;
        }
        let ends = self.boundary(&batch, 0).zip(self.boundary(&batch, n)).filter(|(start, end)| start <= end && *end <= n_values);
        let (start, end) = ends.ok_or_else(|| format!("its {n} rows do not lie within its {n_values} tokens"))?;
        batch.base = start;
        Ok(Some((batch, end - start)))
    }

    pub(crate) fn file(&self) -> &Mapped {
        &self.map
    }

    pub(crate) fn column(&self) -> &Column {
        &self.column
    }

    pub(crate) fn token_type(&self) -> TokenType {
        self.column.token_type
    }

    pub(crate) fn n_documents(&self) -> u64 {
        self.n_documents
    }

    pub(crate) fn n_tokens(&self) -> u64 {
        self.n_tokens
    }

    /// Tokens of a document.
    pub(crate) fn document_len(&self, i: u64) -> Result<u64> {
        let (batch, row) = self.batch_of(i)?;
        self.bounds(batch, row, i).map(|(start, end)| end - start)
    }

    /// Appends the lengths of documents, which are cheapest in ascending order.
    pub(crate) fn document_lens(&self, ids: &[u64], out: &mut Vec<u32>) -> Result<()> {
        out.reserve(ids.len());
        let mut last: Option<&Batch> = None;
        for &id in ids {
            let batch = match last.filter(|b| b.first_document <= id && id - b.first_document < b.n) {
                Some(batch) => batch,
                None => self.batch_of(id)?.0,
            };
            last = Some(batch);
            let (start, end) = self.bounds(batch, id - batch.first_document, id)?;
            out.push(u32::try_from(end - start).map_err(|_| self.wrong(id, "it has more than 4 294 967 295 tokens"))?);
        }
        Ok(())
    }

    /// The tokens of a document.
    pub(crate) fn document(&self, i: u64) -> Result<&[u8]> {
        let (batch, row) = self.batch_of(i)?;
        let (start, end) = self.bounds(batch, row, i)?;
        self.values(batch, start, end - start).ok_or_else(|| self.wrong(i, "it lies outside of the file"))
    }

    /// The `n_tokens` tokens of consecutive documents whose lengths were found right; none if they lie in several record batches.
    pub(crate) fn adjoining(&self, ids: Range<u64>, n_tokens: u64) -> Option<&[u8]> {
        let (batch, row) = self.batch_of(ids.start).ok()?;
        let n = ids.end.checked_sub(ids.start).filter(|n| row.checked_add(*n).is_some_and(|end| end <= batch.n))?;
        let (start, end) = self.boundary(batch, row).zip(self.boundary(batch, row + n))?;
        (end.checked_sub(start) == Some(n_tokens) && end <= batch.n_values).then(|| self.values(batch, start, n_tokens)).flatten()
    }

    /// Tokens of the concatenation: in place within a record batch, a copy across several.
    pub(crate) fn range(&self, start: u64, len: u64) -> Option<Cow<'_, [u8]>> {
        start.checked_add(len).filter(|end| *end <= self.n_tokens)?;
        let mut i = self.batches.partition_point(|b| b.first_token <= start).checked_sub(1)?;
        let mut at = start;
        let mut left = len;
        let mut whole = Vec::new();
        loop {
            let batch = self.batches.get(i)?;
            let end = self.batches.get(i + 1).map_or(self.n_tokens, |next| next.first_token);
            let here = left.min(end - at);
            let bytes = self.values(batch, batch.base + (at - batch.first_token), here)?;
            if here == left && whole.is_empty() {
                return Some(Cow::Borrowed(bytes));
            }
            whole.extend_from_slice(bytes);
            (i, at, left) = (i + 1, at + here, left - here);
            if left == 0 {
                return Some(Cow::Owned(whole));
            }
        }
    }

    fn batch_of(&self, i: u64) -> Result<(&Batch, u64)> {
        let place = self.batches.partition_point(|b| b.first_document <= i).checked_sub(1);
        let batch = place.and_then(|place| self.batches.get(place)).filter(|b| i - b.first_document < b.n);
        batch.map(|b| (b, i - b.first_document)).ok_or_else(|| {
            let problem = format_args!("there is no document {i}, it has {}", self.n_documents);
            Error::dataset(self.map.path(), problem, "ask for a document that exists")
        })
    }

    /// First and last value of a row, confirmed to lie in its batch.
    fn bounds(&self, batch: &Batch, row: u64, i: u64) -> Result<(u64, u64)> {
        let ends = self.boundary(batch, row).zip(self.boundary(batch, row + 1));
        ends.filter(|(start, end)| start <= end && *end <= batch.n_values)
            .ok_or_else(|| self.wrong(i, format_args!("its offsets do not lie within the {} tokens of its record batch", batch.n_values)))
    }

    /// The value at which a row begins.
    fn boundary(&self, batch: &Batch, row: u64) -> Option<u64> {
        let at = |width: u64| batch.offsets_at.checked_add(row.checked_mul(width)?);
        match self.column.rows {
            Rows::Fixed(length) => row.checked_mul(u64::from(length)),
            Rows::Offsets32 => u64::try_from(i32::from_le_bytes(array4(&self.map, at(4)?)?)).ok(),
            Rows::Offsets64 => u64::try_from(i64::from_le_bytes(array8(&self.map, at(8)?)?)).ok(),
        }
    }

    fn values(&self, batch: &Batch, start: u64, len: u64) -> Option<&[u8]> {
        let width = self.column.token_type.width() as u64;
        bytes_at(&self.map, batch.values_at.checked_add(start.checked_mul(width)?)?, len.checked_mul(width)?)
    }

    fn wrong(&self, i: u64, problem: impl std::fmt::Display) -> Error {
        Error::dataset(self.map.path(), format_args!("document {i}: {problem}"), DAMAGED)
    }
}
