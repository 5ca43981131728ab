//! Streams in memory: exact epochs, small tables, nothing clever.

use crate::{Condition, Error, Order, Result};

use super::columns::Columns;

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) name: String,
    conditions: Vec<Condition>,
    order: Order,
    ids: Vec<u64>,
    pub(super) position: u64,
    seed: u64,
    /// The permutation of one epoch.
    epoch: Option<(u64, Vec<u64>)>,
}

impl Stream {
    pub(super) fn open(name: &str, conditions: &[Condition], order: &Order, seed: u64, columns: &Columns) -> Result<Stream> {
        if name.is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
            return Err(Error::state(format!("`{}` names no stream: 1 to 128 bytes without control characters do", name.escape_debug())));
        }
        let mut ids = columns.select(conditions)?;
        if ids.is_empty() {
            return Err(Error::data(format!("no sample meets the conditions of stream `{name}`")));
        }
        if let Order::Ascending(column) = order {
            let values = columns.values(column, &ids)?;
            let mut pairs: Vec<_> = values.into_iter().zip(ids).collect();
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
            ids = pairs.into_iter().map(|(_, id)| id).collect();
        }
        let seed = name.bytes().fold(mix(seed), |hash, byte| mix(hash ^ u64::from(byte)));
        Ok(Stream { name: name.to_owned(), conditions: conditions.to_vec(), order: order.clone(), ids, position: 0, seed, epoch: None })
    }

    pub(super) fn is(&self, conditions: &[Condition], order: &Order) -> bool {
        self.conditions == conditions && self.order == *order
    }

    pub(super) fn len(&self) -> u64 {
        self.ids.len() as u64
    }

    pub(super) fn draw(&mut self, count: u32) -> Vec<u64> {
        (0..count).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> u64 {
        let position = self.position;
        self.position += 1;
        let (epoch, place) = (position / self.len(), (position % self.len()) as usize);
        match self.order {
            Order::Sequential | Order::Ascending(_) => self.ids[place],
            Order::Independent => self.ids[below(mix(self.seed ^ mix(position)), self.len()) as usize],
            Order::Shuffled => {
                if self.epoch.as_ref().is_none_or(|(shuffled, _)| *shuffled != epoch) {
                    self.epoch = Some((epoch, self.shuffled(epoch)));
                }
                self.epoch.as_ref().map_or(0, |(_, ids)| ids[place])
            }
        }
    }

    fn shuffled(&self, epoch: u64) -> Vec<u64> {
        let (mut ids, mut state) = (self.ids.clone(), mix(self.seed ^ mix(epoch)));
        for i in (1..ids.len()).rev() {
            state = mix(state);
            ids.swap(i, below(state, i as u64 + 1) as usize);
        }
        ids
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014) after its increment.
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn below(random: u64, bound: u64) -> u64 {
    ((u128::from(random) * u128::from(bound)) >> 64) as u64
}
