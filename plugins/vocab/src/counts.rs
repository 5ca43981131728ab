//! How often each token id occurs.

use curricle_guest::{Error, Result, Samples, Token, Tokens};

use crate::rarity::{BYTE, LARGE, SHORT};

/// Most ids that can be told apart; as many as the host keeps totals of.
pub const MAX_VOCAB: u32 = 1 << 24;

/// Counts in the making.
#[derive(Debug)]
pub struct Counts {
    max_vocab: usize,
    /// 32 bits keep the table of a usual vocabulary within the processor's cache; `wide` takes over before they overflow.
    narrow: Vec<u32>,
    wide: Vec<u64>,
    /// Tokens counted in `narrow`, which bounds each of its counts.
    pending: u64,
}

impl Counts {
    /// Counts of ids below `max_vocab`, the value of the key `max-vocab`.
    ///
    /// # Errors
    /// [`Error::Config`] if it is 0 or beyond [`MAX_VOCAB`].
    pub fn new(max_vocab: u32) -> Result<Counts> {
        if !(1..=MAX_VOCAB).contains(&max_vocab) {
            return Err(Error::config("max-vocab", format!("found {max_vocab}, but 1 to {MAX_VOCAB} are possible")));
        }
        Ok(Counts { max_vocab: max_vocab as usize, narrow: Vec::new(), wide: Vec::new(), pending: 0 })
    }

    /// Counts the tokens of a chunk.
    ///
    /// # Errors
    /// [`Error::Data`] for an id that is not below `max_vocab`, with the sample that holds it.
    pub fn add(&mut self, samples: &Samples) -> Result<()> {
        match samples.tokens() {
            Tokens::U8(tokens) => self.add_tokens(tokens, samples),
            Tokens::U16(tokens) => self.add_tokens(tokens, samples),
            Tokens::U32(tokens) => self.add_tokens(tokens, samples),
        }
    }

    fn add_tokens<T: Token>(&mut self, tokens: &[T], samples: &Samples) -> Result<()> {
        // Narrow tokens cannot pass the limit, unless it is lower than usual.
        let any = 1 << T::BITS.min(31);
        let mut size = any;
        if any > self.max_vocab || T::BITS > 16 {
            let Some(most) = max(tokens) else { return Ok(()) };
            if most as usize >= self.max_vocab {
                return Err(self.refusal(most, tokens, samples));
            }
            size = most as usize + 1;
        }
        // A host's chunk is far smaller than 2^32 tokens; their number bounds every count.
        if self.pending + tokens.len() as u64 > u64::from(u32::MAX) {
            self.widen();
        }
        self.pending += tokens.len() as u64;
        let size = [BYTE, SHORT, LARGE, size].into_iter().find(|&fixed| fixed >= size).unwrap_or(size);
        if self.narrow.len() < size {
            self.narrow.resize(size, 0);
        }
        match size {
            BYTE => count_fixed::<T, BYTE>(tokens, &mut self.narrow),
            SHORT => count_fixed::<T, SHORT>(tokens, &mut self.narrow),
            LARGE => count_fixed::<T, LARGE>(tokens, &mut self.narrow),
            _ => count(tokens, |id| {
                if let Some(count) = self.narrow.get_mut(id) {
                    *count += 1;
                }
            }),
        }
        Ok(())
    }

    fn refusal<T: Token>(&self, token: u32, tokens: &[T], samples: &Samples) -> Error {
        let holds = |sample: &[T]| sample.iter().any(|&t| t.into() == token);
        let sample = samples.first() + samples.split(tokens).position(holds).unwrap_or(0) as u64;
        Error::data(format!(
            "sample {sample} holds token {}, but ids must be below {}, which is `max-vocab`; is the dataset damaged or of another token width?",
            token, self.max_vocab
        ))
    }

    fn widen(&mut self) {
        if self.wide.len() < self.narrow.len() {
            self.wide.resize(self.narrow.len(), 0);
        }
        for (wide, narrow) in self.wide.iter_mut().zip(&mut self.narrow) {
            *wide += u64::from(std::mem::take(narrow));
        }
        self.pending = 0;
    }

    /// The counts by id, as many as the largest id that occurs asks for; empties it.
    pub fn take(&mut self) -> Vec<u64> {
        self.widen();
        let counts = self.wide.iter().rposition(|&count| count > 0).and_then(|last| self.wide.get(..=last)).unwrap_or_default().to_vec();
        self.wide.fill(0);
        counts
    }
}

fn max<T: Token>(tokens: &[T]) -> Option<u32> {
    // In lanes, so that a round of the loop, which a check of the deadline follows, is 32 tokens.
    let (groups, rest) = tokens.as_chunks::<32>();
    let mut lanes = [0u32; 32];
    for group in groups {
        lanes.iter_mut().zip(group).for_each(|(most, &token)| *most = (*most).max(token.into()));
    }
    rest.iter().map(|&token| token.into()).chain(lanes).max().filter(|_| !tokens.is_empty())
}

/// Counts ids below N, a power of two: no index needs a check.
fn count_fixed<T: Token, const N: usize>(tokens: &[T], counts: &mut [u32]) {
    if let Some(counts) = counts.first_chunk_mut::<N>() {
        count(tokens, |id| counts[id & (N - 1)] += 1);
    }
}

/// The loop that the whole pass is, sixteen at a time, since a check of the deadline follows every round.
#[inline(always)]
fn count<T: Token>(tokens: &[T], mut add: impl FnMut(usize)) {
    let (groups, rest) = tokens.as_chunks::<16>();
    for group in groups {
        group.iter().for_each(|&token| add(token.index()));
    }
    rest.iter().for_each(|&token| add(token.index()));
}
