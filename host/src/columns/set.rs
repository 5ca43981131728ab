//! A compressed set of sample ids, in which the r-th smallest is found in constant time for sets that are spread evenly.
//!
//! Ids are cut into chunks of 2^16. A chunk with few members lists them, any other is a bitmap with counts along it, so a set takes at most
//! 16 bits a member and 1.03 bits a sample. Which of the two a chunk is follows from its members alone.

/// Ids in a chunk.
pub(super) const CHUNK: usize = 1 << 16;
/// Words of a chunk's bitmap.
pub(super) const WORDS: usize = CHUNK / 64;
/// Members up to which a list is no larger than a bitmap.
const LISTED: usize = 4096;
/// Words between two counts.
const STRIDE: usize = 8;

/// Members of one chunk, by the last 16 bits of their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    Listed(Box<[u16]>),
    Bitmap {
        words: Box<[u64; WORDS]>,
        /// Members before each group of 8 words.
        before: Box<[u16; WORDS / STRIDE]>,
    },
}

impl Chunk {
    /// The members of a bitmap.
    pub(super) fn from_words(words: &[u64; WORDS]) -> Chunk {
        let count: u32 = words.iter().map(|w| w.count_ones()).sum();
        if count as usize <= LISTED {
            let mut list = Vec::with_capacity(count as usize);
            for (i, word) in words.iter().enumerate() {
                let mut rest = *word;
                while rest != 0 {
                    list.push((i * 64) as u16 + rest.trailing_zeros() as u16);
                    rest &= rest - 1;
                }
            }
            return Chunk::Listed(list.into());
        }
        let mut before = [0; WORDS / STRIDE];
        let mut sum = 0;
        for (before, group) in before.iter_mut().zip(words.chunks_exact(STRIDE)) {
            // Below 2^16: a group that begins with 2^16 members before it would be past the end.
            *before = sum as u16;
            sum += group.iter().map(|w| w.count_ones()).sum::<u32>();
        }
        Chunk::Bitmap { words: Box::new(*words), before: Box::new(before) }
    }

    fn len(&self) -> u64 {
        match self {
            Chunk::Listed(list) => list.len() as u64,
            Chunk::Bitmap { words, .. } => words.iter().map(|w| u64::from(w.count_ones())).sum(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Chunk::Listed(list) => size_of_val(&**list),
            Chunk::Bitmap { words, before } => size_of_val(&**words) + size_of_val(&**before),
        }
    }

    /// The member of a rank below [`len`](Chunk::len).
    #[inline(always)]
    fn select(&self, rank: u16) -> u16 {
        match self {
            Chunk::Listed(list) => list.get(usize::from(rank)).copied().unwrap_or_default(),
            Chunk::Bitmap { words, before } => {
                // No branch depends on the data: which way it goes would be as random as the rank.
                let mut group = 0;
                for step in [64, 32, 16, 8, 4, 2, 1] {
                    group += step * usize::from(before[(group + step) % before.len()] <= rank);
                }
                let mut rest = u32::from(rank - before[group]);
                let words = &words.as_chunks::<STRIDE>().0[group];
                let (mut passed, mut index) = (0, 0);
                let mut sum = 0;
                for word in &words[..STRIDE - 1] {
                    sum += word.count_ones();
                    let past = sum <= rest;
                    index += usize::from(past);
                    passed = if past { sum } else { passed };
                }
                rest -= passed;
                ((group * STRIDE + index) * 64) as u16 + select_bit(words[index], rest) as u16
            }
        }
    }
}

/// Position of the set bit with `rank` set bits below it.
#[inline(always)]
fn select_bit(word: u64, rank: u32) -> u32 {
    // Halving: is the bit in the lower part of 32, 16, 8, 4, 2, 1 bits?
    let (mut word, mut rank, mut at) = (word, rank, 0);
    for width in [32, 16, 8, 4, 2, 1] {
        let ones = (word & ((1 << width) - 1)).count_ones();
        let upper = u32::from(rank >= ones);
        rank -= ones * upper;
        at += width * upper;
        word >>= width * upper;
    }
    at
}

/// A set of sample ids.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Set {
    len: u64,
    /// Chunks that have members, and the first 48 bits of these.
    chunks: Vec<(u64, Chunk)>,
    /// Members before each chunk, and in the end all of them.
    before: Vec<u64>,
    /// For every 2^`shift` ranks the chunk that holds the first of them: where a search begins.
    hints: Vec<u32>,
    shift: u32,
}

impl Set {
    /// Joins chunks, which ascend by their number.
    pub(super) fn from_chunks(chunks: impl IntoIterator<Item = (u64, Chunk)>) -> Set {
        let mut set = Set { len: 0, chunks: Vec::new(), before: Vec::new(), hints: Vec::new(), shift: 0 };
        for (number, chunk) in chunks {
            let len = chunk.len();
            if len > 0 {
                set.before.push(set.len);
                set.len += len;
                set.chunks.push((number, chunk));
            }
        }
        set.before.push(set.len);
        // About one hint a chunk.
        set.shift = (set.len / (set.chunks.len() as u64).max(1)).max(1).ilog2();
        let mut chunk = 0;
        for hint in 0..=(set.len >> set.shift) {
            while chunk as usize + 1 < set.chunks.len() && set.before[chunk as usize + 1] <= hint << set.shift {
                chunk += 1;
            }
            set.hints.push(chunk);
        }
        set
    }

    /// The set of ids that ascend.
    pub(super) fn from_sorted(ids: &[u64]) -> Set {
        let chunks = ids.chunk_by(|a, b| a / CHUNK as u64 == b / CHUNK as u64).map(|part| {
            let number = part.first().map_or(0, |id| id / CHUNK as u64);
            if part.len() <= LISTED {
                return (number, Chunk::Listed(part.iter().map(|id| *id as u16).collect()));
            }
            let mut words = [0; WORDS];
            for id in part {
                words[*id as usize % CHUNK / 64] |= 1 << (id % 64);
            }
            (number, Chunk::from_words(&words))
        });
        Set::from_chunks(chunks)
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|(_, chunk)| size_of::<(u64, Chunk)>() + chunk.bytes()).sum();
        chunks + size_of_val(self.before.as_slice()) + size_of_val(self.hints.as_slice())
    }

    /// Turns ranks into members, in place.
    ///
    /// # Panics
    /// If one is not below [`len`](Set::len).
    pub(super) fn gather(&self, ranks: &mut [u64]) {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "popcnt,bmi1,bmi2")]
            fn counting(set: &Set, ranks: &mut [u64]) {
                ranks.iter_mut().for_each(|rank| *rank = set.select(*rank));
            }
            if crate::cpu::features().counts_bits {
                // SAFETY: the processor has these instructions.
                return unsafe { counting(self, ranks) };
            }
        }
        ranks.iter_mut().for_each(|rank| *rank = self.select(*rank));
    }

    /// The member with `rank` smaller ones.
    #[inline(always)]
    fn select(&self, rank: u64) -> u64 {
        assert!(rank < self.len, "rank {rank} of a set of {}", self.len);
        let hint = (rank >> self.shift) as usize;
        let first = self.hints[hint] as usize;
        // In an even set it is this chunk or the next, which only a coin could tell; in any other it may take a search.
        let mut chunk = first + usize::from(self.before[first + 1] <= rank);
        if self.before[chunk + 1] <= rank {
            let last = self.hints.get(hint + 1).map_or(self.chunks.len(), |h| *h as usize + 1);
            chunk = first + self.before[first..last].partition_point(|b| *b <= rank) - 1;
        }
        let (number, members) = &self.chunks[chunk];
        number << 16 | u64::from(members.select((rank - self.before[chunk]) as u16))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All members, by the fast way and by the portable one.
    fn all(set: &Set) -> Vec<u64> {
        let mut ranks: Vec<u64> = (0..set.len()).collect();
        let portable: Vec<u64> = ranks.iter().map(|rank| set.select(*rank)).collect();
        set.gather(&mut ranks);
        assert_eq!(ranks, portable);
        ranks
    }

    #[test]
    fn every_bit_of_a_word_is_found() {
        for word in [1, u64::MAX, 1 << 63, 0xdead_beef_0bad_cafe, 0x8000_0000_0000_0001] {
            let positions: Vec<u32> = (0..64).filter(|i| word >> i & 1 == 1).collect();
            let found: Vec<u32> = (0..word.count_ones()).map(|rank| select_bit(word, rank)).collect();
            assert_eq!(found, positions);
        }
    }

    #[test]
    fn full_empty_and_distant_chunks_are_found() {
        let ids: Vec<u64> = (0..CHUNK as u64).chain(1 << 40..(1 << 40) + 5000).chain([u64::MAX]).collect();
        let set = Set::from_sorted(&ids);
        assert_eq!(set.len(), ids.len() as u64);
        assert_eq!(all(&set), ids);
        assert_eq!(Set::from_sorted(&[]).len(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn ranks_find_the_members_in_order(seed: u64, stride in 1..5000u64, count in 1..40_000usize) {
            let mut state = seed;
            let ids: Vec<u64> = (0..count)
                .scan(0u64, |id, _| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    *id += 1 + (state >> 33) % stride;
                    Some(*id)
                })
                .collect();
            let set = Set::from_sorted(&ids);
            prop_assert_eq!(all(&set), ids);
        }
    }
}
