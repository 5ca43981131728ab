//! `[batch.tokens]`: micro-batches under a budget of tokens, as the run file has them.

use serde::Deserialize;

use super::packer_config::PackerConfig;
use crate::packing::{Count, LearningRate, Order, TokenBudget};

/// `[batch.tokens]`: micro-batches of as many samples as a budget of tokens allows. `global-batch-size` is then the number of samples in hand,
/// of which each step takes those that are longest there.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TokensConfig {
    /// Tokens of a micro-batch at most, at least 1.
    pub max_tokens: u32,
    /// Micro-batches of a step over all ranks, at least 1: ranks × gradient accumulation steps.
    pub micro_batches: u32,
    /// Which samples become neighbours; `given` if left out. Not beside `packer`.
    #[serde(default)]
    pub order: Option<Neighbours>,
    /// Puts samples into micro-batches wherever they fit, instead of cutting an order.
    #[serde(default)]
    pub packer: Option<PackerConfig>,
    /// Samples of a micro-batch at least, at least 1. What is left at the end of the data may make smaller ones.
    #[serde(default = "one")]
    pub min_samples: u32,
    /// Samples of a micro-batch at most; any number if left out.
    #[serde(default)]
    pub max_samples: Option<u32>,
    /// What counts against `max-tokens`.
    #[serde(default)]
    pub count: Count,
    /// Whether all micro-batches of a step have equally many samples, as pipelines need; padded, they are then of one shape.
    #[serde(default)]
    pub equal_size: bool,
    /// How the learning rate follows the number of samples of a step; its factor comes beside the batch as `learning-rate-factor`.
    #[serde(default)]
    pub learning_rate: LearningRate,
    /// Samples of a step at which the factor is 1.
    #[serde(default)]
    pub base_batch_size: Option<u32>,
}

/// Which samples of those in hand become neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Neighbours {
    /// Those that follow one another in the global order, which is shuffled.
    #[default]
    Given,
    /// Those of like length.
    Length,
}

fn one() -> u32 {
    1
}

impl TokensConfig {
    /// The budget that it describes.
    pub(super) fn budget(&self) -> TokenBudget {
        TokenBudget {
            min_samples: self.min_samples,
            max_samples: self.max_samples,
            count: self.count,
            order: match self.order.unwrap_or_default() {
                Neighbours::Given => Order::Given,
                Neighbours::Length => Order::Length,
            },
            micro_batches: self.micro_batches,
            equal_size: self.equal_size,
            ..TokenBudget::new(u64::from(self.max_tokens))
        }
    }
}
