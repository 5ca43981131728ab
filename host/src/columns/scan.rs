//! Samples that meet several conditions at once.
//!
//! Either every column is read once, 64 samples at a time into a word of bits, or, if one condition leaves few samples, these are looked up
//! in the columns of the others. Both give the same set.

use rayon::prelude::*;

use super::{
    condition::Places,
    mapped::with_numbers,
    set::{CHUNK, Chunk, Set, WORDS},
    value::Number,
};
use crate::{Result, threads::shared};

/// Reading a sample's value in passing costs about this part of looking it up.
const LOOK_UP: u64 = 64;
/// Going over a bit of every sample, 64 at a time, costs about what sorting this part of them does.
const SORT: u64 = 1024;
/// Samples that a thread looks up at a time.
const PART: usize = 1 << 14;
/// Values that are loaded before one of them is tested.
const AHEAD: usize = 64;

/// The samples below `n` that meet all conditions; there is at least one condition.
pub(super) fn intersect(n: u64, conditions: &[Places]) -> Result<Set> {
    let Some(smallest) = conditions.iter().min_by_key(|places| places.count()) else {
        return Ok(Set::from_sorted(&[]));
    };
    if smallest.count().saturating_mul(LOOK_UP) < n { look_up(n, smallest, conditions) } else { scan(n, conditions) }
}

pub(super) fn look_up(n: u64, smallest: &Places, conditions: &[Places]) -> Result<Set> {
    let mut ids = Vec::new();
    for (start, end) in &smallest.ranges {
        smallest.column.ids().extend(*start, *end, &mut ids);
    }
    let others = conditions.iter().filter(|places| !std::ptr::eq(*places, smallest));
    let tests: Vec<Box<dyn Test + '_>> = others.map(test).collect::<Result<_>>()?;
    let passing = |ids: &[u64]| {
        let mut ids = ids.to_vec();
        tests.iter().for_each(|test| test.sift(&mut ids));
        ids
    };
    let ids = sorted(n, ids);
    let parts: Vec<Vec<u64>> = shared(|| ids.par_chunks(PART).map(passing).collect());
    Ok(Set::from_sorted(&parts.concat()))
}

/// Those below `n`, once each and in ascending order, in which looking them up goes through memory in one direction.
fn sorted(n: u64, mut ids: Vec<u64>) -> Vec<u64> {
    ids.retain(|id| *id < n);
    if (ids.len() as u64).saturating_mul(SORT) < n {
        ids.sort_unstable();
        ids.dedup();
        return ids;
    }
    let mut words = vec![0u64; n.div_ceil(64) as usize];
    for id in &ids {
        words[*id as usize / 64] |= 1 << (id % 64);
    }
    ids.clear();
    for (i, word) in words.into_iter().enumerate() {
        let mut rest = word;
        while rest != 0 {
            ids.push(i as u64 * 64 + u64::from(rest.trailing_zeros()));
            rest &= rest - 1;
        }
    }
    ids
}

pub(super) fn scan(n: u64, conditions: &[Places]) -> Result<Set> {
    let tests: Vec<Box<dyn Test + '_>> = conditions.iter().map(test).collect::<Result<_>>()?;
    let chunk = |number: u64| {
        let first = number * CHUNK as u64;
        let samples = (n - first).min(CHUNK as u64) as usize;
        let mut words = [u64::MAX; WORDS];
        for (i, word) in words.iter_mut().enumerate() {
            let inside = samples.saturating_sub(i * 64);
            if inside < 64 {
                *word = (1 << inside) - 1;
            }
        }
        let used = &mut words[..samples.div_ceil(64)];
        tests.iter().for_each(|test| test.keep(first, used));
        (number, Chunk::from_words(&words))
    };
    let chunks: Vec<(u64, Chunk)> = shared(|| (0..n.div_ceil(CHUNK as u64)).into_par_iter().map(chunk).collect());
    Ok(Set::from_chunks(chunks))
}

/// A condition as a test of one sample.
trait Test: Sync {
    /// Clears the bits of the samples, from `first` on, that fail.
    fn keep(&self, first: u64, words: &mut [u64]);
    fn holds(&self, id: u64) -> bool;

    /// Leaves those that pass, in their order.
    fn sift(&self, ids: &mut Vec<u64>) {
        ids.retain(|id| self.holds(*id));
    }
}

fn test(places: &Places) -> Result<Box<dyn Test + '_>> {
    match places.ranges.as_slice() {
        [] => Ok(Box::new(Nothing)),
        [(start, end)] => {
            let (low_id, high_id) = (places.column.sample_at(*start)?, places.column.sample_at(end - 1)?);
            Ok(with_numbers!(places.column.numbers(), values => Box::new(Range::new(values, low_id, high_id))))
        }
        ranges => {
            let values = match places.column.numbers() {
                super::mapped::Numbers::U32(codes) => &**codes,
                _ => &[],
            };
            let codes = places.column.categories().map_or(0, <[_]>::len);
            let mut table = vec![0u8; codes];
            for (start, end) in ranges {
                let (from, to) = (places.column.value_at(*start)? as usize, places.column.value_at(end - 1)? as usize);
                table.iter_mut().take(to + 1).skip(from).for_each(|t| *t = 1);
            }
            Ok(Box::new(Codes { values, table }))
        }
    }
}

/// A condition that no sample meets.
struct Nothing;

impl Test for Nothing {
    fn keep(&self, _: u64, words: &mut [u64]) {
        words.fill(0);
    }
    fn holds(&self, _: u64) -> bool {
        false
    }
}

/// One range of places: all samples from (value, id) up to (value, id), both inclusive.
struct Range<'a, T> {
    values: &'a [T],
    low: T,
    low_id: u64,
    high: T,
    high_id: u64,
}

impl<'a, T: Number> Range<'a, T> {
    fn new(values: &'a [T], low_id: u64, high_id: u64) -> Range<'a, T> {
        let value = |id: u64| values.get(id as usize).copied().unwrap_or_default();
        Range { values, low: value(low_id), low_id, high: value(high_id), high_id }
    }

    fn meets(&self, value: T, id: u64) -> bool {
        let above = (value > self.low) | ((value == self.low) & (id >= self.low_id));
        let below = (value < self.high) | ((value == self.high) & (id <= self.high_id));
        above & below
    }

    /// Bounds, both inclusive, for the samples `first..=last`; none if the ties of a bound are cut in between.
    fn bounds(&self, first: u64, last: u64) -> Option<Option<(T, T)>> {
        let low = match () {
            () if first >= self.low_id => Some(self.low),
            () if last < self.low_id => self.low.above(),
            () => return None,
        };
        let high = match () {
            () if last <= self.high_id => Some(self.high),
            () if first > self.high_id => self.high.below(),
            () => return None,
        };
        Some(low.zip(high))
    }
}

impl<T: Number> Test for Range<'_, T> {
    fn keep(&self, first: u64, words: &mut [u64]) {
        let values = self.values.get(first as usize..).unwrap_or_default();
        for ((i, word), values) in words.iter_mut().enumerate().zip(values.chunks(64)) {
            let first = first + i as u64 * 64;
            *word &= match (self.bounds(first, first + 63), values.as_array::<64>()) {
                (Some(Some((low, high))), Some(values)) => mask(values, low, high),
                (Some(None), _) => 0,
                _ => values.iter().enumerate().fold(0, |bits, (j, v)| bits | u64::from(self.meets(*v, first + j as u64)) << j),
            };
        }
    }

    fn holds(&self, id: u64) -> bool {
        self.values.get(id as usize).is_some_and(|value| self.meets(*value, id))
    }

    fn sift(&self, ids: &mut Vec<u64>) {
        // Most values are misses in the cache. Loads that nothing stands between wait together, and no branch depends on what they bring.
        let mut loaded = [T::default(); AHEAD];
        let (mut kept, mut at) = (0, 0);
        while at < ids.len() {
            let end = ids.len().min(at + AHEAD);
            for (value, id) in loaded.iter_mut().zip(&ids[at..end]) {
                *value = self.values.get(*id as usize).copied().unwrap_or_default();
            }
            for (value, i) in loaded.iter().zip(at..end) {
                let id = ids[i];
                ids[kept] = id;
                kept += usize::from(self.meets(*value, id) & (id < self.values.len() as u64));
            }
            at = end;
        }
        ids.truncate(kept);
    }
}

/// Several ranges of codes.
struct Codes<'a> {
    values: &'a [u32],
    /// 1 for the codes that are asked for.
    table: Vec<u8>,
}

impl Test for Codes<'_> {
    fn keep(&self, first: u64, words: &mut [u64]) {
        let values = self.values.get(first as usize..).unwrap_or_default();
        for (word, codes) in words.iter_mut().zip(values.chunks(64)) {
            let mut bytes = [0u8; 64];
            for (byte, code) in bytes.iter_mut().zip(codes) {
                *byte = self.table.get(*code as usize).copied().unwrap_or(0);
            }
            *word &= pack(&bytes);
        }
    }

    fn holds(&self, id: u64) -> bool {
        let code = self.values.get(id as usize).and_then(|code| self.table.get(*code as usize));
        code.is_some_and(|found| *found == 1)
    }
}

/// Bit j tells whether value j is within low and high, both inclusive.
#[inline]
fn mask<T: Number>(values: &[T; 64], low: T, high: T) -> u64 {
    let mut bytes = [0u8; 64];
    for (byte, value) in bytes.iter_mut().zip(values) {
        *byte = u8::from(low <= *value) & u8::from(*value <= high);
    }
    pack(&bytes)
}

/// Bit j is byte j, which is 0 or 1.
#[inline]
fn pack(bytes: &[u8; 64]) -> u64 {
    let mut bits = 0;
    for (i, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
        // The product moves the bit of byte j to bit 56 + j; nothing else reaches these.
        bits |= (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    bits
}
