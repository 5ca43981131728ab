//! Tokens of synthetic samples: in memory for one call of a metric, in files for the host.

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use curricle::{
    Error, Result,
    atomic::AtomicFile,
    dataset::{IndexedWriter, Magic, TokenType},
    plugin::Samples,
};

use super::{noise, spec::Lengths};

/// Token ids stay below: they fit a byte, so that each width can hold them.
const VOCABULARY: u64 = 200;

/// Token `t` of sample `i`: small ids are the common ones.
pub(crate) fn token(i: u64, t: u32) -> u32 {
    let (a, b) = (noise(i << 20 | u64::from(t)) % VOCABULARY, noise(i << 21 ^ u64::from(t)) % VOCABULARY);
    a.min(b) as u32
}

/// Consecutive samples in memory.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    /// Id of the first sample.
    pub(crate) first: u64,
    /// Bytes per token.
    pub(crate) width: u8,
    bytes: Vec<u8>,
    offsets: Vec<u32>,
}

impl Tokens {
    /// Samples with these tokens, which `width` bytes can hold.
    pub(crate) fn of(first: u64, width: u8, samples: &[Vec<u32>]) -> Tokens {
        let mut tokens = Tokens { first, width, bytes: Vec::new(), offsets: vec![0] };
        for sample in samples {
            for token in sample {
                tokens.bytes.extend(token.to_le_bytes().iter().take(usize::from(width)));
            }
            tokens.offsets.push((tokens.bytes.len() / usize::from(width.max(1))) as u32);
        }
        tokens
    }

    /// As the host gives them to a metric; without the tokens to one that reads none.
    pub(crate) fn samples(&self, with_tokens: bool) -> Samples<'_> {
        let tokens = if with_tokens { self.bytes.as_slice() } else { &[] };
        Samples { first: self.first, width: self.width, tokens, offsets: &self.offsets }
    }

    /// Number of tokens.
    pub(crate) fn len(&self) -> u64 {
        u64::from(self.offsets.last().copied().unwrap_or(0))
    }
}

/// Documents between two questions whether to stop.
const PATIENCE: u64 = 1 << 12;

/// A `.bin`/`.idx` pair of synthetic documents, at a prefix. Ends early where `breathe` says so.
pub(crate) fn write_documents(prefix: &Path, samples: u64, lengths: Lengths, breathe: &dyn Fn() -> Result<()>) -> Result<()> {
    let mut writer = IndexedWriter::create(prefix, TokenType::U16, Magic::MMap)?;
    let mut bytes = Vec::new();
    for i in 0..samples {
        if i % PATIENCE == 0 {
            breathe()?;
        }
        bytes.clear();
        bytes.extend((0..lengths.of(i)).flat_map(|t| (token(i, t) as u16).to_le_bytes()));
        writer.push(&bytes)?;
        writer.end_document()?;
    }
    writer.finish()
}

/// A pair without any document.
pub(crate) fn empty_dataset(prefix: &Path) -> Result<()> {
    IndexedWriter::create(prefix, TokenType::U16, Magic::MMap)?.finish()
}

/// A headerless file of bytes which, cut into sequences of 2 tokens that begin at each token, has so many samples.
pub(crate) fn many_samples(path: PathBuf, samples: u64) -> Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, AtomicFile::create(&path)?);
    for i in 0..=samples {
        file.write_all(&[token(i, 0) as u8]).map_err(Error::io("write", &path))?;
    }
    file.into_inner().map_err(|e| Error::io("write", &path)(e.into_error()))?.commit()
}
