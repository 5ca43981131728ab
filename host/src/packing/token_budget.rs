//! Micro-batches under a budget of tokens: an order of samples, cut where the budget ends.

use serde::Deserialize;

use super::{LeftOut, Packed, Reason, by_length, window::Window};
use crate::{Error, Result};

/// Cuts an order of samples into micro-batches of at most so many tokens.
///
/// Each micro-batch is as long a run of neighbours as the limits allow. A sample from which no run with `min_samples` starts is left out, and
/// packing goes on with the next. O(n) for samples in a given order, whatever the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBudget {
    /// Tokens of a micro-batch at most, at least 1. Longer samples are left out.
    pub max_tokens: u64,
    /// Samples of a micro-batch at least, at least 1.
    pub min_samples: u32,
    /// Samples of a micro-batch at most, not below `min_samples`; any number if `None`.
    pub max_samples: Option<u32>,
    /// What counts against `max_tokens`.
    pub count: Count,
    /// Which samples become neighbours.
    pub order: Order,
    /// Micro-batches of a step, over all ranks, at least 1.
    pub micro_batches: u32,
    /// Whether all micro-batches of a step have equally many samples, as pipelines of equal shapes need. The run of a step is then dealt to its
    /// micro-batches in turn, so that a sorted order gives them like lengths.
    pub equal_size: bool,
    /// Whether the last micro-batches are left out that do not fill a step.
    pub drop_last: bool,
}

/// What of a micro-batch counts against its budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// The tokens of its samples: what it costs packed.
    #[default]
    Tokens,
    /// Its samples times the longest of them: what it costs padded.
    Padded,
}

/// Which samples become neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Those that are.
    #[default]
    Given,
    /// Those of like length, by ascending length; equally long ones keep their order.
    Length,
    /// Random ones: a shuffle (Durstenfeld 1964) by SplitMix64, the same for the same number of samples and seed.
    Random {
        /// Names the order.
        seed: u64,
    },
}

impl TokenBudget {
    /// Micro-batches of at most `max_tokens` tokens and any number of samples in their given order, one a step.
    pub fn new(max_tokens: u64) -> TokenBudget {
        TokenBudget {
            max_tokens,
            min_samples: 1,
            max_samples: None,
            count: Count::Tokens,
            order: Order::Given,
            micro_batches: 1,
            equal_size: false,
            drop_last: false,
        }
    }

    /// Whether the limits can be met at all. `place` says where a key was given.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key: a limit of 0, or `max-samples` below `min-samples`.
    pub fn check(&self, place: impl Fn(&str) -> String) -> Result<()> {
        let zero = [
            ("max-tokens", self.max_tokens == 0),
            ("min-samples", self.min_samples == 0),
            ("max-samples", self.max_samples == Some(0)),
            ("micro-batches", self.micro_batches == 0),
        ];
        if let Some((key, _)) = zero.iter().find(|(_, is_zero)| *is_zero) {
            return Err(Error::config(place(key), format!("`{key}` is 0"), "give at least 1"));
        }
        match self.max_samples {
            Some(max) if max < self.min_samples => Err(Error::config(
                place("max-samples"),
                format!("`max-samples` {max} is below `min-samples` {}", self.min_samples),
                "raise the one or lower the other",
            )),
            _ => Ok(()),
        }
    }

    /// Cuts samples of these lengths, in tokens. A sample is named by its place among them.
    ///
    /// # Errors
    /// As [`check`](TokenBudget::check), and [`Error::Data`] for more than 2^32 − 1 lengths.
    pub fn pack(&self, lengths: &[u32]) -> Result<Packed> {
        self.check(|_| "token budget".to_owned())?;
        let n = u32::try_from(lengths.len()).map_err(|_| {
            Error::data(format!("{} samples to pack at once, the most are {}", lengths.len(), u32::MAX), "pack them in several parts")
        })?;
        let mut packed = Packed { per_step: self.micro_batches, ..Packed::default() };
        let order = self.order(lengths, n, &mut packed);
        // More groups than samples make no step, whatever their number.
        let groups = if self.equal_size { (self.micro_batches as usize).min(lengths.len() + 1) } else { 1 };
        let mut window = Window::new(lengths, &order, groups, self.count, self.max_tokens, self.max_samples);
        while let Some(&sample) = order.get(window.start()) {
            let start = window.start();
            let each = (window.grow() - start) / groups;
            if each < self.min_samples as usize {
                packed.left_out.push(LeftOut { sample, reason: Reason::TooFew });
                window.shrink(start + 1);
                continue;
            }
            let end = start + each * groups;
            for group in 0..groups {
                let samples = order.get(start + group..end).unwrap_or_default().iter().step_by(groups);
                packed.order.extend(samples.clone());
                packed.end(samples.filter_map(|&sample| lengths.get(sample as usize)).copied().max().unwrap_or(0));
            }
            window.shrink(end);
        }
        if self.drop_last {
            packed.drop_last();
        }
        Ok(packed)
    }

    /// The samples that are not too long, as neighbours; the others are left out.
    fn order(&self, lengths: &[u32], n: u32, packed: &mut Packed) -> Vec<u32> {
        let mut order = match self.order {
            Order::Length => by_length::ascending(lengths),
            Order::Given | Order::Random { .. } => (0..n).collect(),
        };
        let fits = |sample: u32| lengths.get(sample as usize).is_some_and(|&length| u64::from(length) <= self.max_tokens);
        packed.left_out = (0..n).filter(|&sample| !fits(sample)).map(|sample| LeftOut { sample, reason: Reason::TooLong }).collect();
        if !packed.left_out.is_empty() {
            order.retain(|&sample| fits(sample));
        }
        if let Order::Random { seed } = self.order {
            shuffle(&mut order, seed);
        }
        order
    }
}

/// Durstenfeld's shuffle with numbers of SplitMix64, made even by multiplying (Lemire, "Fast random integer generation in an interval", 2019).
fn shuffle(order: &mut [u32], seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 32
    };
    for i in (1..order.len()).rev() {
        let below = i as u64 + 1;
        let place = loop {
            let product = next() * below;
            if product & 0xffff_ffff >= (1 << 32) % below {
                break product >> 32;
            }
        };
        order.swap(i, place as usize);
    }
}
