//! Memory for tokens that is used again: a batch's buffers go back to the pool when the trainer drops it, so that assembling is copying
//! and not page faults.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::dataset::{TokenType, decode};

/// Tokens of one micro-batch, as stored in the dataset: little-endian, of one type.
pub struct TokenBuffer {
    /// Eight-byte words, so that the bytes are aligned for every token type.
    words: Vec<u64>,
    n_bytes: usize,
    token_type: TokenType,
    home: Weak<Pool>,
}

impl TokenBuffer {
    /// Type of the tokens.
    pub fn token_type(&self) -> TokenType {
        self.token_type
    }

    /// Number of tokens, padding included.
    pub fn len(&self) -> usize {
        self.n_bytes / self.token_type.width()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.n_bytes == 0
    }

    /// The tokens as bytes, aligned to 8.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.n_bytes]
    }

    /// The tokens as numbers of their type's width; `None` if `T` has another.
    pub fn as_slice<T: bytemuck::Pod>(&self) -> Option<&[T]> {
        if size_of::<T>() != self.token_type.width() {
            return None;
        }
        bytemuck::try_cast_slice(self.bytes()).ok()
    }

    /// Each token as a number, whatever its type.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        let token_type = self.token_type;
        self.bytes().chunks_exact(token_type.width()).map(move |token| decode(token_type, token))
    }

    /// XXH3-128 of the tokens' bytes, in hex: to compare what two ranks or two runs were given.
    pub fn checksum(&self) -> String {
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(self.bytes()))
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.n_bytes]
    }
}

impl Drop for TokenBuffer {
    fn drop(&mut self) {
        if let Some(pool) = self.home.upgrade() {
            pool.give_back(std::mem::take(&mut self.words));
        }
    }
}

impl fmt::Debug for TokenBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuffer").field("token_type", &self.token_type).field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Buffers that wait to be used again.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    free: Mutex<Vec<Vec<u64>>>,
}

/// Buffers kept at most: a trainer that drops a pile of batches at once should not make the pool hold them all for ever.
const KEPT: usize = 64;

impl Pool {
    /// A buffer for `n_bytes` bytes. Its content is arbitrary (what an earlier batch left) and must be overwritten whole.
    pub(crate) fn take(self: &Arc<Pool>, n_bytes: usize, token_type: TokenType) -> TokenBuffer {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let n_words = n_bytes.div_ceil(8);
        let words = match free {
            Some(mut words) => {
                words.resize(n_words.max(words.len()), 0);
                words
            }
            // The system has zeros at hand, and need not write them.
            None => vec![0; n_words],
        };
        TokenBuffer { words, n_bytes, token_type, home: Arc::downgrade(self) }
    }

    fn give_back(&self, words: Vec<u64>) {
        // Nobody waits to throw something away: in a forked process the one who has the lock may not be there.
        if let Ok(mut free) = self.free.try_lock()
            && free.len() < KEPT
        {
            free.push(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_used_again() {
        let pool = Arc::new(Pool::default());
        let first = pool.take(64, TokenType::U16);
        let place = first.bytes().as_ptr();
        drop(first);
        assert_eq!(pool.take(32, TokenType::U8).bytes().as_ptr(), place);
    }

    #[test]
    fn tokens_are_viewed_by_their_own_width_only() {
        let pool = Arc::new(Pool::default());
        let mut buffer = pool.take(6, TokenType::U16);
        buffer.bytes_mut().copy_from_slice(&[1, 0, 2, 0, 0xff, 0xff]);
        assert_eq!(buffer.as_slice::<u16>(), Some(&[1, 2, 0xffff][..]));
        assert!(buffer.as_slice::<u32>().is_none());
        assert_eq!(buffer.iter().collect::<Vec<_>>(), [1, 2, 0xffff]);
    }
}
