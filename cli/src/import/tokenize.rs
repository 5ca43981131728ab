//! From text to tokens, little-endian, as narrow as the vocabulary allows.

use std::{
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
};

use curricle::{Result, atomic, dataset::TokenType};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use curricle::hex;

use super::{bad_option, bad_source};

/// Tokens of a vocabulary of bytes.
const BYTES: u64 = 256;

enum Vocabulary {
    Bytes,
    File { path: PathBuf, tokenizer: Box<tokenizers::Tokenizer>, sha256: String },
}

/// Makes tokens of text.
pub(super) struct Tokenizer {
    vocabulary: Vocabulary,
    end: Option<u32>,
    vocab_size: u64,
    token_type: TokenType,
}

impl Tokenizer {
    /// Opens `bytes`, a `tokenizer.json` or a folder with one. `end` is put behind each document; it is a token of the vocabulary or makes
    /// it one larger.
    pub(super) fn open(name: &str, end: Option<u32>) -> Result<Tokenizer> {
        let (vocabulary, own_size) = match name {
            "bytes" => (Vocabulary::Bytes, BYTES),
            path => open_file(Path::new(path))?,
        };
        let vocab_size = match end.map(u64::from) {
            Some(end) if end > own_size => {
                let problem = format!("token {end} is neither one of the vocabulary's {own_size} nor the one after them");
                return Err(bad_option("--append-end", problem, format!("give a token up to {own_size}")));
            }
            Some(end) => own_size.max(end + 1),
            None => own_size,
        };
        let token_type = match vocab_size {
            0..=0x100 => TokenType::U8,
            0x101..=0x1_0000 => TokenType::U16,
            // Of the types of four bytes the one that all readers of such files know.
            _ => TokenType::I32,
        };
        Ok(Tokenizer { vocabulary, end, vocab_size, token_type })
    }

    /// Tokens that there are.
    pub(super) fn vocab_size(&self) -> u64 {
        self.vocab_size
    }

    /// The narrowest type that holds them.
    pub(super) fn token_type(&self) -> TokenType {
        self.token_type
    }

    /// What decides about tokens, in a word.
    pub(super) fn identity(&self) -> String {
        match &self.vocabulary {
            Vocabulary::Bytes => "bytes".to_owned(),
            Vocabulary::File { sha256, .. } => format!("tokenizer.json of SHA-256 {sha256}"),
        }
    }

    /// The same, for `dataset.json`.
    pub(super) fn description(&self) -> Value {
        match &self.vocabulary {
            Vocabulary::Bytes => json!({ "kind": "bytes" }),
            Vocabulary::File { sha256, .. } => json!({ "kind": "tokenizer.json", "sha256": sha256 }),
        }
    }

    /// The tokens of a text, none if the text has none. The place is for messages.
    pub(super) fn encode(&self, text: Vec<u8>, place: &dyn Fn() -> PathBuf) -> Result<Vec<u8>> {
        let mut tokens = match &self.vocabulary {
            Vocabulary::Bytes if self.token_type == TokenType::U8 => text,
            Vocabulary::Bytes => self.narrow(text.into_iter().map(u32::from)),
            Vocabulary::File { path, tokenizer, .. } => {
                let text = String::from_utf8_lossy(&text);
                let refused = |words: String| {
                    let problem = format!("`{}` has no tokens for it ({words})", path.display());
                    bad_source(
                        place(),
                        problem,
                        "use a tokenizer that knows all characters, with bytes or an unknown token to fall back on",
                    )
                };
                // The tokenizer belongs to others, and what its file asks for may make it panic.
                let encoded = panic::catch_unwind(AssertUnwindSafe(|| tokenizer.encode_fast(&*text, false)));
                let encoded = encoded.map_err(|_| refused("it panicked".to_owned()))?.map_err(|e| refused(e.to_string()))?;
                if let Some(id) = encoded.get_ids().iter().find(|id| u64::from(**id) >= self.vocab_size) {
                    return Err(refused(format!("it gave token {id} of a vocabulary of {}", self.vocab_size)));
                }
                self.narrow(encoded.get_ids().iter().copied())
            }
        };
        if let Some(end) = self.end.filter(|_| !tokens.is_empty()) {
            tokens.extend(self.narrow(std::iter::once(end)));
        }
        Ok(tokens)
    }

    fn narrow(&self, tokens: impl Iterator<Item = u32>) -> Vec<u8> {
        let width = self.token_type.width();
        let mut bytes = Vec::with_capacity(tokens.size_hint().0.saturating_mul(width));
        for token in tokens {
            bytes.extend(token.to_le_bytes().iter().take(width));
        }
        bytes
    }
}

fn open_file(path: &Path) -> Result<(Vocabulary, u64)> {
    let path = if path.is_dir() { path.join("tokenizer.json") } else { path.to_owned() };
    let text = atomic::read_text(&path)?;
    let wrong = |words: String| {
        let problem = format!("`{}` is no tokenizer that can be used ({words})", path.display());
        bad_option("--tokenizer", problem, "give `bytes` or a `tokenizer.json` of Hugging Face")
    };
    let read = panic::catch_unwind(AssertUnwindSafe(|| tokenizers::Tokenizer::from_bytes(&text)));
    let mut tokenizer = read.map_err(|_| wrong("reading it panicked".to_owned()))?.map_err(|e| wrong(e.to_string()))?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|e| wrong(e.to_string()))?;
    // Numbers may be left out, so the vocabulary reaches to the highest.
    let highest = tokenizer.get_vocab(true).into_values().max().ok_or_else(|| wrong("its vocabulary is empty".to_owned()))?;
    let size = u64::from(highest) + 1;
    if size > i32::MAX as u64 {
        return Err(wrong(format!("its highest token is {highest}")));
    }
    let sha256 = hex(&Sha256::digest(&text));
    Ok((Vocabulary::File { path, tokenizer: Box::new(tokenizer), sha256 }, size))
}
