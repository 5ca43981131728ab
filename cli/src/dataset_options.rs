//! Options that say how a dataset is to be opened.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use curricle::dataset::{Dataset, Options, TokenType, View};

/// How to open a dataset. They have to be those of the run file, since a column belongs to a view.
#[derive(Debug, Args)]
pub(crate) struct DatasetOptions {
    /// Type of the tokens of a headerless file.
    #[arg(long, value_name = "TYPE")]
    token_type: Option<TokenType>,
    /// Takes sequences of so many tokens for samples, instead of documents.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sequence_length: Option<u32>,
    /// Tokens from the start of a sequence to the start of the next; by default their length.
    #[arg(long, value_name = "N", requires = "sequence_length", value_parser = clap::value_parser!(u32).range(1..))]
    stride: Option<u32>,
    /// Column of tokens in an Arrow or Parquet file with several.
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// Token that ends each document of a one-dimensional file.
    #[arg(long, value_name = "ID")]
    document_end: Option<u64>,
    /// Number of tokens in the vocabulary; a token beyond it is an error.
    #[arg(long, value_name = "N")]
    vocab_size: Option<u64>,
}

impl DatasetOptions {
    /// Opens the dataset at `path`.
    pub(crate) fn open(&self, path: &Path) -> Result<Dataset> {
        let view = match self.sequence_length {
            Some(length) => View::Sequences { length, stride: self.stride.unwrap_or(length) },
            None => View::Documents,
        };
        let options = Options {
            view,
            token_type: self.token_type,
            column: self.column.clone(),
            document_end: self.document_end,
            vocab_size: self.vocab_size,
            ..Options::default()
        };
        Ok(Dataset::open_with(path, &options)?)
    }
}
