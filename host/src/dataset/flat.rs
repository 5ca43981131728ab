//! Tokens end to end in one file: `.npy` arrays and files without any header.

use std::path::Path;

use rayon::prelude::*;

use super::{
    TokenType,
    mmap::{Mapped, bytes_at},
    npy,
    tokens::positions_after,
};
use crate::{Error, Result, threads::shared};

/// Tokens that one thread searches at a time for ends of documents.
const SEARCHED: usize = 1 << 20;

/// A mapped run of tokens.
#[derive(Debug)]
pub(crate) struct Flat {
    map: Mapped,
    token_type: TokenType,
    /// Where the tokens begin, in bytes.
    start: u64,
    n_tokens: u64,
    documents: Documents,
}

/// How a run of tokens falls into documents.
#[derive(Debug)]
enum Documents {
    /// It does not say.
    Unknown,
    /// Rows of a two-dimensional array.
    Rows { length: u64 },
    /// Where each document ends, counted in tokens.
    Ends(Vec<u64>),
}

impl Flat {
    /// Opens a file that is nothing but tokens.
    pub(crate) fn open_raw(path: &Path, token_type: TokenType) -> Result<Flat> {
        let map = Mapped::open(path)?;
        let (len, width) = (map.len() as u64, token_type.width() as u64);
        if !len.is_multiple_of(width) {
            let problem = format_args!("its {len} bytes are not whole tokens of type `{token_type}`");
            return Err(Error::dataset(path, problem, "check the token type, or whether the file is cut off"));
        }
        Ok(Flat { map, token_type, start: 0, n_tokens: len / width, documents: Documents::Unknown })
    }

    /// Opens a `.npy` array of integers with one or two dimensions.
    pub(crate) fn open_npy(path: &Path) -> Result<Flat> {
        let map = Mapped::open(path)?;
        let header = npy::Header::read(&map, path)?;
        let n_tokens = header.rows * header.columns.unwrap_or(1);
        let documents = header.columns.map_or(Documents::Unknown, |length| Documents::Rows { length });
        Ok(Flat { map, token_type: header.token_type, start: header.data_at, n_tokens, documents })
    }

    /// Finds the documents, each of which ends with the token `end`; what follows the last one is a document too. Reads the file once, on
    /// all threads, and keeps 8 bytes a document.
    pub(crate) fn find_documents(&mut self, end: u64) -> Result<()> {
        let path = self.map.path();
        if matches!(self.documents, Documents::Rows { .. }) {
            let problem = "its rows are documents, and a token that ends documents was given as well";
            return Err(Error::dataset(path, problem, "leave out the document end"));
        }
        if end > self.token_type.max_token() {
            let problem = format_args!("token {end} is to end documents, but `{}` cannot hold it", self.token_type);
            return Err(Error::dataset(path, problem, "check the document end and the token type"));
        }
        let search = |(i, piece): (usize, &[u8])| {
            let mut found = positions_after(self.token_type, piece, end);
            found.iter_mut().for_each(|at| *at += (i * SEARCHED) as u64);
            found
        };
        let tokens = self.tokens();
        let pieces: Vec<Vec<u64>> = shared(|| tokens.par_chunks(SEARCHED * self.token_type.width()).enumerate().map(search).collect());
        let mut ends = pieces.concat();
        match ends.last() {
            None => {
                let problem = format_args!("token {end} is to end documents, but does not occur");
                return Err(Error::dataset(path, problem, "check the document end, or view the file as sequences"));
            }
            Some(last) if *last < self.n_tokens => ends.push(self.n_tokens),
            Some(_) => {}
        }
        self.documents = Documents::Ends(ends);
        Ok(())
    }

    pub(crate) fn token_type(&self) -> TokenType {
        self.token_type
    }

    pub(crate) fn file(&self) -> &Mapped {
        &self.map
    }

    pub(crate) fn n_tokens(&self) -> u64 {
        self.n_tokens
    }

    /// All tokens.
    pub(crate) fn tokens(&self) -> &[u8] {
        bytes_at(&self.map, self.start, self.n_tokens * self.token_type.width() as u64).unwrap_or_default()
    }

    /// Number of documents, if the file or the caller said where they end.
    pub(crate) fn n_documents(&self) -> Result<u64> {
        match &self.documents {
            Documents::Unknown => Err(Error::dataset(
                self.map.path(),
                "it does not say where documents end",
                "name the token that ends documents (`document-end`), or view the file as sequences (`sequence-length`)",
            )),
            Documents::Rows { length } => Ok(self.n_tokens.checked_div(*length).unwrap_or(0)),
            Documents::Ends(ends) => Ok(ends.len() as u64),
        }
    }

    /// First token and length of a document; none if there is no such document.
    pub(crate) fn document(&self, i: u64) -> Option<(u64, u64)> {
        match &self.documents {
            Documents::Unknown => None,
            Documents::Rows { length } => {
                let start = i.checked_mul(*length)?;
                (start < self.n_tokens).then_some((start, *length))
            }
            Documents::Ends(ends) => {
                let i = usize::try_from(i).ok()?;
                let start = match i.checked_sub(1) {
                    None => 0,
                    Some(previous) => *ends.get(previous)?,
                };
                Some((start, ends.get(i)? - start))
            }
        }
    }
}
