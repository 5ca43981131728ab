//! The run file in the making: what was understood, before it is written as text.

/// A run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Draft {
    pub(super) seed: u64,
    pub(super) epochs: Option<u64>,
    pub(super) drop_last: Option<bool>,
    pub(super) sizes: Sizes,
    pub(super) cut: Option<Cut>,
    /// Metrics that decide which samples are eligible.
    pub(super) metrics: Vec<Metric>,
    /// Pacings that only go beside the batch.
    pub(super) annotate: Vec<String>,
    pub(super) tokens: Option<Tokens>,
    pub(super) ltd: Option<Ltd>,
    pub(super) pacings: Vec<Pacing>,
}

/// How the samples of a step are divided.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sizes {
    /// Samples of a step.
    pub(super) global: u32,
    /// Samples of a forward pass.
    pub(super) micro: Option<u32>,
    /// Forward passes of a rank and step.
    pub(super) accumulation: Option<u32>,
    /// Data-parallel ranks.
    pub(super) world: Option<u32>,
}

/// A metric that decides which samples are eligible. Its column and its pacing have one name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metric {
    pub(super) name: String,
    /// Parts that the ascending order is cut into; `None` for difficulties that are values.
    pub(super) of: Option<u64>,
    pub(super) analysis: Option<Analysis>,
}

/// Where DeepSpeed's analysis of a metric is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Analysis {
    pub(super) folder: String,
    /// The metric in the names of the files, where it is not that of the folder.
    pub(super) metric: Option<String>,
}

/// What shortens samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cut {
    pub(super) pacing: String,
    /// Into pieces instead of leaving the end out.
    pub(super) reshape: bool,
    /// Whether a model says how many tokens more than the difficulty it takes: a decoder 1, an encoder 0.
    pub(super) plus: Option<u32>,
    /// The trainer got the length as an argument of `forward` and cut the batch itself.
    pub(super) legacy: bool,
}

/// Micro-batches under a budget of tokens.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tokens {
    pub(super) max_tokens: u64,
    /// Of a step, over all ranks.
    pub(super) micro_batches: u32,
    /// Packs of DeepSpeed's in one of them.
    pub(super) packs: u32,
    pub(super) by_length: bool,
    pub(super) min_samples: u32,
    pub(super) max_samples: Option<u32>,
    pub(super) learning_rate: &'static str,
    pub(super) base_batch_size: u32,
    /// Samples in hand.
    pub(super) pool: u32,
    /// Whether `pool` follows from the mean length, which was known.
    pub(super) measured: bool,
}

/// Random layerwise token dropping.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ltd {
    pub(super) pacing: String,
    pub(super) layers: u32,
    pub(super) total_layers: u32,
}

/// A schedule under its name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pacing {
    pub(super) name: String,
    pub(super) first_step: u64,
    pub(super) curve: Curve,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Curve {
    Power {
        min: f64,
        max: f64,
        steps: u64,
        /// `None` is linear.
        degree: Option<f64>,
        quantum: f64,
    },
    Discrete {
        difficulty: Vec<f64>,
        until: Vec<u64>,
        hold_at: Option<f64>,
    },
    /// A function that was set in Python, which a plugin has to take over.
    Custom {
        max: f64,
    },
}

impl Draft {
    /// A name for a pacing that no other has.
    pub(super) fn free_name(&self, wish: &str) -> String {
        let mut name = wish.to_owned();
        while self.pacings.iter().any(|p| p.name == name) {
            name.push('-');
        }
        name
    }
}
