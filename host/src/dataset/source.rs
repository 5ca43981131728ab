//! The formats behind one face: documents, and ranges of the concatenation of all documents.

use std::{borrow::Cow, ops::Range};

use super::{
    TokenType,
    arrow::ArrowTokens,
    flat::Flat,
    indexed::IndexedFile,
    mmap::{Mapped, bytes_at},
};
use crate::{Error, Result};

/// Mapped tokens of any format.
#[derive(Debug)]
pub(super) enum Source {
    /// A pair whose elements are of the type beside it.
    Indexed(IndexedFile, TokenType),
    Flat(Flat),
    Arrow(ArrowTokens),
}

impl Source {
    pub(super) fn token_type(&self) -> TokenType {
        match self {
            Source::Indexed(_, token_type) => *token_type,
            Source::Flat(flat) => flat.token_type(),
            Source::Arrow(arrow) => arrow.token_type(),
        }
    }

    pub(super) fn n_tokens(&self) -> u64 {
        match self {
            Source::Indexed(file, _) => file.n_elements(),
            Source::Flat(flat) => flat.n_tokens(),
            Source::Arrow(arrow) => arrow.n_tokens(),
        }
    }

    /// Number of documents; an error where the file does not tell them apart.
    pub(super) fn n_documents(&self) -> Result<u64> {
        match self {
            Source::Indexed(file, _) => Ok(file.len()),
            Source::Flat(flat) => flat.n_documents(),
            Source::Arrow(arrow) => Ok(arrow.n_documents()),
        }
    }

    pub(super) fn document_len(&self, i: u64) -> Result<u64> {
        match self {
            Source::Indexed(file, _) => file.size(i),
            Source::Flat(flat) => flat.document(i).map(|(_, len)| len).ok_or_else(|| no_document(flat, i)),
            Source::Arrow(arrow) => arrow.document_len(i),
        }
    }

    pub(super) fn document_lens(&self, ids: &[u64], out: &mut Vec<u32>) -> Result<()> {
        match self {
            Source::Indexed(file, _) => file.sizes_of(ids, out),
            Source::Arrow(arrow) => arrow.document_lens(ids, out),
            Source::Flat(flat) => {
                out.reserve(ids.len());
                for &id in ids {
                    let (_, len) = flat.document(id).ok_or_else(|| no_document(flat, id))?;
                    out.push(u32::try_from(len).map_err(|_| {
                        let problem = format_args!("document {id} has {len} tokens, more than 4 294 967 295");
                        Error::dataset(flat.file().path(), problem, "view the dataset as sequences")
                    })?);
                }
                Ok(())
            }
        }
    }

    pub(super) fn document(&self, i: u64) -> Result<&[u8]> {
        match self {
            Source::Indexed(file, _) => file.bytes(i),
            Source::Flat(flat) => {
                let place = flat.document(i).and_then(|(start, len)| cut(flat.tokens(), flat.token_type(), start, len));
                place.ok_or_else(|| no_document(flat, i))
            }
            Source::Arrow(arrow) => arrow.document(i),
        }
    }

    /// The `n_tokens` tokens of consecutive documents of these lengths; none if they do not lie end to end.
    pub(super) fn adjoining(&self, ids: Range<u64>, lens: &[u32], n_tokens: u64) -> Option<&[u8]> {
        match self {
            Source::Indexed(file, _) => file.adjoining(ids, lens, n_tokens),
            Source::Flat(flat) => cut(flat.tokens(), flat.token_type(), flat.document(ids.start)?.0, n_tokens),
            Source::Arrow(arrow) => arrow.adjoining(ids, n_tokens),
        }
    }

    /// `len` tokens of the concatenation from token `start` on; none if it ends before.
    pub(super) fn range(&self, start: u64, len: u64) -> Option<Cow<'_, [u8]>> {
        match self {
            Source::Indexed(file, token_type) => cut(file.all(), *token_type, start, len).map(Cow::Borrowed),
            Source::Flat(flat) => cut(flat.tokens(), flat.token_type(), start, len).map(Cow::Borrowed),
            Source::Arrow(arrow) => arrow.range(start, len),
        }
    }

    /// Refuses a document that is not where its file may have it.
    pub(super) fn check_document(&self, i: u64) -> Result<()> {
        match self {
            Source::Indexed(file, _) => file.check_item(i),
            Source::Flat(_) => Ok(()),
            Source::Arrow(arrow) => arrow.document(i).map(drop),
        }
    }

    /// The files that make it up.
    pub(super) fn files(&self) -> Vec<&Mapped> {
        match self {
            Source::Indexed(file, _) => file.files().to_vec(),
            Source::Flat(flat) => vec![flat.file()],
            Source::Arrow(arrow) => vec![arrow.file()],
        }
    }
}

fn cut(bytes: &[u8], token_type: TokenType, start: u64, len: u64) -> Option<&[u8]> {
    let width = token_type.width() as u64;
    bytes_at(bytes, start.checked_mul(width)?, len.checked_mul(width)?)
}

fn no_document(flat: &Flat, i: u64) -> Error {
    Error::dataset(flat.file().path(), format_args!("there is no document {i}"), "ask for a document that exists")
}
