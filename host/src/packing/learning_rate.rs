//! The learning rate of a batch whose size varies.

use serde::Deserialize;

/// How the learning rate follows the number of samples in a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRate {
    /// In proportion to it (Goyal et al., "Accurate, Large Minibatch SGD", 2017).
    Linear,
    /// With its square root, as the noise of the gradient goes (Krizhevsky, "One weird trick for parallelizing convolutional neural networks",
    /// 2014).
    Sqrt,
    /// Not at all.
    #[default]
    None,
}

impl LearningRate {
    /// What to multiply the learning rate of batches of `base` samples by, for a batch of `samples`: samples / base, its square root, or 1.
    /// Correctly rounded (IEEE 754), so the same on every machine; a `base` of 0 is taken for 1.
    pub fn factor(self, samples: u64, base: u64) -> f64 {
        let ratio = samples as f64 / base.max(1) as f64;
        match self {
            LearningRate::Linear => ratio,
            LearningRate::Sqrt => ratio.sqrt(),
            LearningRate::None => 1.0,
        }
    }

    /// The learning rate of a batch of `samples`, where `rate` is that of `base`. For [`Linear`](LearningRate::Linear) it is
    /// rate · samples / base in this order of operations, which may differ from rate times [`factor`](LearningRate::factor) in the last bit.
    pub fn scale(self, rate: f64, samples: u64, base: u64) -> f64 {
        match self {
            LearningRate::Linear => rate * samples as f64 / base.max(1) as f64,
            LearningRate::Sqrt | LearningRate::None => rate * self.factor(samples, base),
        }
    }
}
