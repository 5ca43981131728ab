//! Reading a dataset whole, to be sure of it.

use rayon::prelude::*;

use super::{Inner, View, source::Source, tokens::first_outside};
use crate::{Error, Result, threads::shared};

/// Documents checked between two reports of progress.
const DOCUMENTS: u64 = 1 << 18;
/// Tokens of the concatenation checked between two reports, and by one thread at a time.
const TOKENS: u64 = 1 << 26;
const PIECE: u64 = 1 << 20;

pub(super) fn verify(dataset: &Inner, progress: &dyn Fn(u64)) -> Result<()> {
    dataset.sealed.as_ref().map_or(Ok(()), |sealed| sealed.verify())?;
    match dataset.view {
        View::Documents => in_blocks(dataset.len, DOCUMENTS, 1, progress, |ids| {
            first_error(ids, |id| {
                dataset.source.check_document(id)?;
                check_tokens(dataset, dataset.source.document(id)?, |at| format!("sample {id}, token {at}"))
            })
        }),
        View::Sequences { stride, .. } => {
            if matches!(dataset.source, Source::Indexed(..) | Source::Arrow(_)) {
                in_blocks(dataset.source.n_documents()?, DOCUMENTS, u64::MAX, progress, |ids| {
                    first_error(ids, |id| dataset.source.check_document(id))
                })?;
            }
            in_blocks(dataset.n_tokens, TOKENS, u64::from(stride), progress, |tokens| {
                let pieces = tokens.start / PIECE..tokens.end.div_ceil(PIECE);
                first_error(pieces, |piece| {
                    let start = piece * PIECE;
                    let len = PIECE.min(tokens.end - start);
                    let outside = || Error::dataset(&dataset.path, format_args!("token {start} lies outside of the file"), "open it again");
                    let bytes = dataset.source.range(start, len).ok_or_else(outside)?;
                    check_tokens(dataset, &bytes, |at| format!("token {} of the concatenation", start + at))
                })
            })?;
            // The tokens behind the last sequence were read as well.
            progress(dataset.len);
            Ok(())
        }
    }
}

/// Runs `check` over `0..n` in blocks, and reports after each how many samples that makes, of `per_sample` each.
fn in_blocks(
    n: u64,
    block: u64,
    per_sample: u64,
    progress: &dyn Fn(u64),
    check: impl Fn(std::ops::Range<u64>) -> Result<()>,
) -> Result<()> {
    let mut start = 0;
    while start < n {
        let end = start.saturating_add(block).min(n);
        check(start..end)?;
        progress(end / per_sample);
        start = end;
    }
    Ok(())
}

/// The error with the smallest number, whichever thread is first.
fn first_error(range: std::ops::Range<u64>, check: impl Fn(u64) -> Result<()> + Sync + Send) -> Result<()> {
    shared(|| range.into_par_iter().map(check).find_map_first(Result::err).map_or(Ok(()), Err))
}

fn check_tokens(dataset: &Inner, bytes: &[u8], place: impl Fn(u64) -> String) -> Result<()> {
    match first_outside(dataset.token_type, bytes, dataset.vocab_size) {
        None => Ok(()),
        Some((at, token)) => {
            let expected = match dataset.vocab_size {
                Some(vocab_size) if token >= 0 => format!("the vocabulary has {vocab_size}"),
                _ => "a token id is between 0 and 2⁶³".to_owned(),
            };
            let problem = format!("{}: the token id is {token}, and {expected}", place(at as u64));
            Err(Error::dataset(&dataset.path, problem, "check the vocabulary size and the token type, or tokenize again"))
        }
    }
}
