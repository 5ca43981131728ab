//! How rare a token is, and the tokens of a sample together.

use curricle_guest::{Error, Result, Samples, Token, Tokens};

/// Sizes of tables whose loops need no check of an index: all of the ids of 1 or 2 bytes, and the vocabularies in use that need 4.
pub(crate) const BYTE: usize = 1 << 8;
pub(crate) const SHORT: usize = 1 << 16;
pub(crate) const LARGE: usize = 1 << 18;

/// −ln of each token's frequency, by id, up to one of the sizes above or past them all; infinite for ids that never occurred.
#[derive(Debug, Default)]
pub struct Rarity(Vec<f64>);

impl Rarity {
    /// −ln(count / total) by id.
    ///
    /// Ids below `vocab_size`, if it is given, that never occur count as if they had occurred once, which makes the total larger by as many: the
    /// rule of DeepSpeed's recipes.
    ///
    /// The logarithm is libm's, not the platform's: these differ in the last bit between systems, and values must not.
    ///
    /// # Errors
    /// [`Error::Data`] if an id occurs that is not below `vocab_size`.
    pub fn new(counts: &[u64], vocab_size: Option<u32>) -> Result<Rarity> {
        let mut counts = counts.to_vec();
        if let Some(vocab_size) = vocab_size {
            if let Some(most) = counts.len().checked_sub(1).filter(|most| *most >= vocab_size as usize) {
                return Err(Error::data(format!(
                    "token {most} occurs, but ids must be below {vocab_size}, which is `vocab-size`; give the size of the vocabulary that the dataset was made with"
                )));
            }
            counts.resize(vocab_size as usize, 0);
            counts.iter_mut().for_each(|count| *count = (*count).max(1));
        }
        let total: f64 = counts.iter().map(|&count| count as f64).sum();
        let mut table: Vec<f64> = counts.iter().map(|&count| -libm::log(count as f64 / total)).collect();
        let size = if table.len() <= SHORT { SHORT } else { LARGE };
        table.resize(table.len().max(size), f64::INFINITY);
        Ok(Rarity(table))
    }

    /// The largest of the ids that occur or are taken to; 0 if there are none.
    pub fn max(&self) -> f64 {
        self.0.iter().copied().filter(|rarity| rarity.is_finite()).fold(0.0, f64::max)
    }

    /// The sum over the tokens of each sample.
    pub fn of_each(&self, samples: &Samples) -> Vec<f64> {
        match samples.tokens() {
            Tokens::U8(tokens) => self.of_sized::<_, BYTE>(samples.split(tokens)),
            Tokens::U16(tokens) => self.of_sized::<_, SHORT>(samples.split(tokens)),
            Tokens::U32(tokens) if self.0.len() == SHORT => self.of_sized::<_, SHORT>(samples.split(tokens)),
            Tokens::U32(tokens) => self.of_sized::<_, LARGE>(samples.split(tokens)),
        }
    }

    fn of_sized<'a, T: Token, const N: usize>(&self, samples: impl Iterator<Item = &'a [T]>) -> Vec<f64> {
        let table: Option<&[f64; N]> = self.0.first_chunk();
        let of = |tokens: &[T]| {
            if let Some(table) = table {
                // What the mask cuts off shows in the union of the ids. Of narrow tokens it cuts off nothing, and the compiler knows.
                let mut union = 0u32;
                let value = sum(tokens, |token| {
                    union |= token.into();
                    table[token.index() & (N - 1)]
                });
                if union < N as u32 {
                    return value;
                }
            }
            sum(tokens, |token| self.0.get(token.index()).copied().unwrap_or(f64::INFINITY))
        };
        samples.map(of).collect()
    }
}

/// The sum, sixteen tokens at a time: these are added in pairs, the pairs in pairs and so on, and their sums one after the other; what is
/// left over comes last, in order. Its last bits depend on this order, which is the same everywhere.
///
/// In pairs because no addition then waits for long, and few values wait in registers; sixteen because a check of the deadline follows every
/// round of the loop.
#[inline(always)]
fn sum<T: Token>(tokens: &[T], mut rarity: impl FnMut(T) -> f64) -> f64 {
    let (groups, rest) = tokens.as_chunks::<16>();
    let mut total = 0.0;
    for group in groups {
        let mut four = |i: usize| (rarity(group[i]) + rarity(group[i + 1])) + (rarity(group[i + 2]) + rarity(group[i + 3]));
        total += (four(0) + four(4)) + (four(8) + four(12));
    }
    rest.iter().fold(total, |total, &token| total + rarity(token))
}
