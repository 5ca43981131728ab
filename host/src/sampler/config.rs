//! The run file as written: `curricle.toml`, field by field. What it means is decided in [`Run`](super::Run).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    lengths::{RandomLtdConfig, ReshapeConfig, TruncateConfig, name_or_table},
    packer_config::PackerConfig,
    plugin_config::PluginConfig,
    source_text::SourceText,
    tokens_config::TokensConfig,
};
use crate::{
    Result, atomic,
    batch::Overlong,
    dataset::TokenType,
    pacing::{Curve, Pacing},
};

/// A run file, parsed and not yet checked against the data. Paths in it are relative to [`RunConfig::folder`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunConfig {
    /// Seed of every random order in the run. Required: a run without one could not be repeated.
    pub seed: u64,
    /// Steps after which the run ends; without it and `epochs` the policy decides, and most never end.
    #[serde(default)]
    pub steps: Option<u64>,
    /// Ends the run once it drew so many times the number of samples, at least 1. The policy decides which ones: `uniform` gives each once
    /// an epoch.
    #[serde(default)]
    pub epochs: Option<u64>,
    /// With `epochs`: leaves out what does not fill a global batch, instead of making the last one smaller.
    #[serde(default)]
    pub drop_last: bool,
    /// Global batches that are planned and assembled ahead of the trainer; 0 does all in the trainer's thread. No result depends on it.
    #[serde(default = "default_prefetch")]
    pub prefetch: usize,
    /// Where the samples come from.
    pub dataset: DatasetConfig,
    /// Columns that policy and trainer may use: name to file. Those that `curricle import` and `curricle analyze` keep beside the dataset
    /// are there without being named.
    #[serde(default)]
    pub columns: BTreeMap<String, PathBuf>,
    /// Shape and layout of batches.
    pub batch: BatchConfig,
    /// The policy.
    pub policy: PluginConfig,
    /// Pacing functions by name.
    #[serde(default)]
    pub pacing: BTreeMap<String, PacingConfig>,
    /// What a model that drops tokens in its layers wants to know.
    #[serde(default)]
    pub random_ltd: Option<RandomLtdConfig>,
    /// Folder that relative paths start from: the run file's.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The text and its path, to point into in errors.
    #[serde(skip)]
    pub(crate) source: SourceText,
}

fn default_prefetch() -> usize {
    2
}

/// `[dataset]`: where the samples come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DatasetConfig {
    /// A folder made by `curricle import`, the prefix of a `.bin`/`.idx` pair, or a `.npy`, `.arrow`, `.parquet` or headerless file.
    pub path: PathBuf,
    /// Makes samples of a fixed number of tokens over the concatenation of the documents; without it each document is a sample.
    #[serde(default)]
    pub sequence_length: Option<u32>,
    /// Tokens from the start of one such sequence to the start of the next; `sequence-length` if left out.
    #[serde(default)]
    pub stride: Option<u32>,
    /// Type of the tokens of a headerless file.
    #[serde(default)]
    pub token_type: Option<TokenType>,
    /// Column of tokens in an Arrow or Parquet file with several.
    #[serde(default)]
    pub column: Option<String>,
    /// Token that ends each document of a flat file.
    #[serde(default)]
    pub document_end: Option<u64>,
    /// Number of token ids; one at or above it is an error. What `curricle import` recorded, if left out.
    #[serde(default)]
    pub vocab_size: Option<u64>,
}

/// `[batch]`: shape and layout.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BatchConfig {
    /// Samples of one step, over all ranks and micro-batches; with `tokens`, samples in hand.
    pub global_batch_size: u32,
    /// Samples of one forward pass on one rank. Left out, it follows from `gradient-accumulation-steps`, which is then 1 if left out too.
    #[serde(default)]
    pub micro_batch_size: Option<u32>,
    /// Forward passes of one rank per step. Left out, it follows from `micro-batch-size`.
    #[serde(default)]
    pub gradient_accumulation_steps: Option<u32>,
    /// Data-parallel rank that this process serves, 0 ≤ rank < `dp-world-size`. Tensor- and pipeline-parallel ranks of one model replica
    /// share it.
    #[serde(default)]
    pub dp_rank: u32,
    /// Number of data-parallel ranks.
    #[serde(default = "one")]
    pub dp_world_size: u32,
    /// How the tokens of a micro-batch lie in memory.
    #[serde(default)]
    pub layout: Layout,
    /// `padded` only: tokens of every row; the longest sample of the micro-batch if left out.
    #[serde(default)]
    pub pad_to: Option<u32>,
    /// `padded` and `rows` only: the token that fills up.
    #[serde(default)]
    pub pad_token: u64,
    /// `rows` only: tokens of every row.
    #[serde(default)]
    pub row_length: Option<u32>,
    /// `rows` only: the packer that puts samples into rows.
    #[serde(default)]
    pub packer: Option<PackerConfig>,
    /// What happens to a sample longer than its row, or than a micro-batch under a budget of tokens.
    #[serde(default)]
    pub overlong: Overlong,
    /// Cuts every sample to a length that a pacing function sets, at least 1 token, whatever the policy. If the policy truncates too, the
    /// smaller length counts.
    #[serde(default, deserialize_with = "name_or_table")]
    pub truncate: Option<TruncateConfig>,
    /// Lets every sample fall into sequences of a length that a pacing function sets, at least 1 token. Not beside `truncate`.
    #[serde(default, deserialize_with = "name_or_table")]
    pub reshape: Option<ReshapeConfig>,
    /// Makes micro-batches of as many samples as a budget of tokens allows.
    #[serde(default)]
    pub tokens: Option<TokensConfig>,
    /// Columns whose values come with each batch.
    #[serde(default)]
    pub values: Vec<String>,
    /// Whether consumed tokens are counted, for the policy and the state. Free for sequences of a fixed length; documents cost the reading
    /// of every length of the global batch on every rank, about 10 ns each.
    #[serde(default = "yes")]
    pub count_tokens: bool,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// How the tokens of a micro-batch lie in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// End to end, with the offsets of the samples: what variable-length attention kernels take.
    #[default]
    Packed,
    /// One sample a row, filled up.
    Padded,
    /// Several samples a row of fixed length, arranged by a packer and filled up.
    Rows,
}

/// `[pacing.NAME]`: a built-in curve or a plugin.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PacingConfig {
    /// From `min` to `max` in equal increments.
    Linear {
        /// Difficulty at the start.
        min: f64,
        /// Difficulty at the end.
        max: f64,
        /// Steps in between.
        steps: u64,
        /// Difficulties are multiples of it.
        #[serde(default)]
        quantum: Option<f64>,
        /// From `max` down to `min` instead.
        #[serde(default)]
        falling: bool,
        /// What the first global batch counts as.
        #[serde(default, rename = "first-step")]
        first_step: u64,
    },
    /// Fast at first, then slower: a root of the elapsed fraction.
    Root {
        /// Difficulty at the start.
        min: f64,
        /// Difficulty at the end.
        max: f64,
        /// Steps in between.
        steps: u64,
        /// 2 is the square root.
        #[serde(default = "two")]
        degree: f64,
        /// Difficulties are multiples of it.
        #[serde(default)]
        quantum: Option<f64>,
        /// From `max` down to `min` instead.
        #[serde(default)]
        falling: bool,
        /// What the first global batch counts as.
        #[serde(default, rename = "first-step")]
        first_step: u64,
    },
    /// Levels.
    Discrete {
        /// The levels, one more than `until`.
        difficulty: Vec<f64>,
        /// Last step of each level but the last.
        until: Vec<u64>,
        /// The first level of at least so much is never left.
        #[serde(default, rename = "hold-at")]
        hold_at: Option<f64>,
        /// What the first global batch counts as.
        #[serde(default, rename = "first-step")]
        first_step: u64,
    },
    /// A plugin of the `pacing` world.
    Plugin(PluginConfig),
}

fn two() -> f64 {
    2.0
}

/// What gives the difficulties of a [`PacingConfig`].
#[derive(Clone, Debug)]
pub enum PacingSource<'a> {
    /// A built-in curve, whose numbers were checked.
    Curve(Pacing),
    /// A plugin of the `pacing` world.
    Plugin(&'a PluginConfig),
}

impl PacingConfig {
    /// What gives the difficulties. `place` makes a name for errors of the name of a key.
    ///
    /// # Errors
    /// [`Error::Config`] if its numbers make no curve.
    pub fn source(&self, place: impl Fn(&str) -> String) -> Result<PacingSource<'_>> {
        let (first_step, curve) = match *self {
            PacingConfig::Linear { min, max, steps, quantum, falling, first_step } => {
                (first_step, Curve::Power { min, max, steps, degree: 1.0, quantum, falling })
            }
            PacingConfig::Root { min, max, steps, degree, quantum, falling, first_step } => {
                (first_step, Curve::Power { min, max, steps, degree, quantum, falling })
            }
            PacingConfig::Discrete { ref difficulty, ref until, hold_at, first_step } => {
                (first_step, Curve::Discrete { difficulty: difficulty.clone(), until: until.clone(), hold_at })
            }
            PacingConfig::Plugin(ref plugin) => return Ok(PacingSource::Plugin(plugin)),
        };
        let pacing = Pacing { first_step, curve };
        pacing.check(place)?;
        Ok(PacingSource::Curve(pacing))
    }
}

impl RunConfig {
    /// Reads a run file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Config`] with line and column if it is wrong.
    pub fn load(path: impl AsRef<Path>) -> Result<RunConfig> {
        let path = path.as_ref();
        let text = atomic::read_text(path)?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        RunConfig::parse(&text, &path.display().to_string(), folder)
    }

    /// Parses the text of a run file. `name` stands for it in errors; relative paths in it start from `folder`.
    ///
    /// # Errors
    /// [`Error::Config`] with line and column: bad TOML, an unknown key, a missing key, a value of the wrong type.
    pub fn parse(text: &str, name: &str, folder: impl Into<PathBuf>) -> Result<RunConfig> {
        let source = SourceText::new(name, text);
        match toml::from_str::<RunConfig>(text) {
            Ok(config) => Ok(RunConfig { folder: folder.into(), source, ..config }),
            Err(error) => Err(source.refuse(&error, "correct the run file")),
        }
    }

    /// A path of the run file, relative to its folder.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// `file:line:column` of a key such as `batch.global-batch-size`, for errors; the key itself where no file says it.
    pub(crate) fn place(&self, key: &str) -> String {
        self.source.place_of(key)
    }
}
