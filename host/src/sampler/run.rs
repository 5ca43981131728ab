//! The run file as meant: dataset and columns opened, batch shape resolved, plugins compiled.

use std::{fmt, path::Path, sync::Arc};

use serde_json::json;

use super::{
    beside,
    config::{Layout, RunConfig},
    ends::Ends,
    identity::Identity,
    on_fault::Restarts,
    pacings::PacingSources,
    packers::PackerSource,
    plugin_config::OnFault,
    plugins, tokens,
};
use crate::{
    Error, Result,
    batch::{Arrangement, Assembler, Pack, Pool, Rooms, Shape},
    columns::{Column, Columns},
    dataset::{self, Dataset, View},
    hex,
    plugin::PolicyPlugin,
};

/// A run that is ready to start: everything opened, checked and compiled, nothing drawn yet.
pub struct Run {
    pub(crate) config: RunConfig,
    pub(crate) dataset: Dataset,
    pub(crate) columns: Arc<Columns>,
    pub(crate) shape: Shape,
    pub(crate) ends: Ends,
    pub(crate) policy: Arc<PolicyPlugin>,
    /// What decides if the policy fails, where the run file says so.
    pub(crate) fall_back: Option<Arc<PolicyPlugin>>,
    pub(crate) pacings: Arc<PacingSources>,
    pub(crate) identity: Identity,
    arrangement: Arrangement,
    packer: Option<PackerSource>,
    token_packer: Option<PackerSource>,
    values: Vec<Column>,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("dataset", &self.dataset).field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Run {
    /// Reads a run file and opens all it names.
    ///
    /// # Errors
    /// As [`RunConfig::load`] and [`Run::open`].
    pub fn load(path: impl AsRef<Path>) -> Result<Run> {
        Run::open(RunConfig::load(path)?)
    }

    /// Opens all that a run file names: dataset, columns, plugins.
    ///
    /// # Errors
    /// [`Error::Config`] for what does not fit together, [`Error::Dataset`] and [`Error::Column`] for files, [`Error::Plugin`] for plugins.
    pub fn open(config: RunConfig) -> Result<Run> {
        check_sizes(&config)?;
        let dataset = open_dataset(&config)?;
        let columns = Arc::new(open_columns(&config, &dataset)?);
        let batch = &config.batch;
        let shape = match &batch.tokens {
            Some(tokens) => tokens::shape(&config, tokens, batch.gradient_accumulation_steps, batch.dp_rank, batch.dp_world_size)?,
            None => Shape::resolve(
                batch.global_batch_size,
                batch.micro_batch_size,
                batch.gradient_accumulation_steps,
                batch.dp_rank,
                batch.dp_world_size,
                &config.place("batch.global-batch-size"),
            )?,
        };
        let ends = Ends::new(&config, dataset.len())?;
        beside::check(&config, &dataset)?;
        tokens::check(&config)?;
        let arrangement = arrangement(&config)?;
        let values = batch.values.iter().map(|name| columns.get(name).cloned()).collect::<Result<_>>()?;

        let policy = Arc::new(plugins::load(&config, &config.policy, "policy", PolicyPlugin::load, PolicyPlugin::sha256)?);
        let falls_back = config.policy.on_fault == OnFault::FallBack;
        let fall_back = falls_back.then(|| plugins::fall_back(&config).map(Arc::new)).transpose()?;
        let packer = batch.packer.as_ref().map(|p| PackerSource::open(&config, p, "batch.packer")).transpose()?;
        let token_packer = batch.tokens.as_ref().and_then(|tokens| tokens.packer.as_ref());
        let token_packer = token_packer.map(|p| PackerSource::open(&config, p, "batch.tokens.packer")).transpose()?;
        let pacings = Arc::new(PacingSources::open(&config)?);
        let identity = identify(&config, &dataset, &columns, &policy, &pacings)?;
        tracing::info!(
            samples = dataset.len(),
            policy = identity.plugin,
            global_batch_size = config.batch.global_batch_size,
            dp_rank = shape.dp_rank(),
            dp_world_size = shape.dp_world_size(),
            "opened the run"
        );
        Ok(Run { config, dataset, columns, shape, ends, policy, fall_back, pacings, identity, arrangement, packer, token_packer, values })
    }

    /// The run file.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The samples.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The columns that policy and trainer may use.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// How global batches are divided. Under a budget of tokens its unit is the micro-batch: a step has `micro-batches` of them.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Global batches of the whole run, if the run file's `steps` or `epochs` end it and the policy does not do so earlier. A run that is
    /// resumed with another global batch size has other steps behind it, and under a budget of tokens nobody knows before what `epochs` take.
    pub fn n_steps(&self) -> Option<u64> {
        if self.config.batch.tokens.is_some() { self.config.steps } else { self.ends.n_steps(self.shape.global()) }
    }

    /// Micro-batches of a rank in a step of the whole run, if its policy does not end it earlier: equally many in all steps but perhaps the
    /// last, and none after that. The same reservations hold as for [`n_steps`](Run::n_steps).
    pub fn n_micro_batches(&self, step: u64) -> u32 {
        match self.config.batch.tokens {
            Some(_) if self.config.steps.is_some_and(|steps| step >= steps) => 0,
            Some(_) => self.shape.accumulation(),
            // Global batches have at most 2^24 samples.
            None => self.shape.micro_batches(self.ends.size_of(step, self.shape.global()) as usize).count() as u32,
        }
    }

    /// What decides the order of samples, in a form to compare.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The policy.
    pub fn policy(&self) -> &PolicyPlugin {
        &self.policy
    }

    /// Serves another rank, of another number of ranks. The global order does not depend on it.
    ///
    /// # Errors
    /// [`Error::Config`] if the global batch cannot be divided so.
    pub fn with_rank(mut self, dp_rank: u32, dp_world_size: u32) -> Result<Run> {
        let batch = &self.config.batch;
        if let Some(tokens) = &batch.tokens {
            self.shape = tokens::shape(&self.config, tokens, None, dp_rank, dp_world_size)?;
            return Ok(self);
        }
        // The micro-batch is what fits a device, so accumulation gives way.
        let micro_batch = (batch.micro_batch_size.is_some()).then(|| self.shape.micro_batch());
        let accumulation = if micro_batch.is_some() { None } else { batch.gradient_accumulation_steps };
        self.shape = Shape::resolve(
            self.shape.global(),
            micro_batch,
            accumulation,
            dp_rank,
            dp_world_size,
            &self.config.place("batch.global-batch-size"),
        )?;
        Ok(self)
    }

    /// Whether batches have places that no token fills: rows of a length that samples need not have.
    pub fn is_padded(&self) -> bool {
        self.arrangement != Arrangement::Packed
    }

    /// What measures how much of the batches of all ranks is padding.
    ///
    /// # Errors
    /// [`Error::Plugin`] if the packer refuses its configuration or fails.
    pub fn rooms(&self) -> Result<Rooms> {
        let one = &self.shape;
        let of_rank = |rank| {
            let (global, world) = (one.global(), one.dp_world_size());
            Shape::resolve(global, Some(one.micro_batch()), Some(one.accumulation()), rank, world, "batch.global-batch-size")
        };
        Ok(Rooms::new(self.assembler()?, (0..one.dp_world_size()).map(of_rank).collect::<Result<_>>()?))
    }

    /// Starts the packer of `[batch.tokens]`, if it has one.
    pub(crate) fn token_packer(&self, restarts: &Restarts) -> Result<Option<Box<dyn Pack>>> {
        self.token_packer.as_ref().map(|packer| packer.start(restarts)).transpose()
    }

    /// Tokens that a row has room for, where rows have one length.
    pub(crate) fn row_length(&self) -> Option<u32> {
        self.arrangement.row_length()
    }

    /// What assembles this rank's batches.
    pub(crate) fn assembler(&self) -> Result<Assembler> {
        // It works on this rank's rows alone, so its restarts are nobody else's: they are not in the state.
        let packer = self.packer.as_ref().map(|packer| packer.start(&Restarts::default())).transpose()?;
        Ok(Assembler {
            dataset: self.dataset.clone(),
            shape: self.shape,
            arrangement: self.arrangement,
            overlong: self.config.batch.overlong,
            values: self.values.clone(),
            packer,
            pool: Arc::new(Pool::default()),
        })
    }
}

/// Refuses numbers that no machine has the memory for.
fn check_sizes(config: &RunConfig) -> Result<()> {
    const PREFETCH: usize = 1024;
    const GLOBAL_BATCH: u32 = 1 << 24;
    if config.prefetch > PREFETCH {
        let problem = format!("{} global batches ahead", config.prefetch);
        return Err(Error::config(config.place("prefetch"), problem, format!("give at most {PREFETCH}")));
    }
    if config.batch.global_batch_size > GLOBAL_BATCH {
        let problem = format!("a global batch of {} samples", config.batch.global_batch_size);
        return Err(Error::config(config.place("batch.global-batch-size"), problem, format!("give at most {GLOBAL_BATCH}")));
    }
    Ok(())
}

fn open_dataset(config: &RunConfig) -> Result<Dataset> {
    let written = &config.dataset;
    let view = match (written.sequence_length, written.stride) {
        (Some(length), stride) => View::Sequences { length, stride: stride.unwrap_or(length) },
        (None, None) => View::Documents,
        (None, Some(_)) => {
            return Err(Error::config(
                config.place("dataset.stride"),
                "`stride` without `sequence-length`",
                "give both, or neither to train on whole documents",
            ));
        }
    };
    let options = dataset::Options {
        view,
        token_type: written.token_type,
        column: written.column.clone(),
        document_end: written.document_end,
        vocab_size: written.vocab_size,
        ..dataset::Options::default()
    };
    Dataset::open_with(config.resolve(&written.path), &options)
}

/// The columns that the run file names, and those beside the dataset that belong to its view.
fn open_columns(config: &RunConfig, dataset: &Dataset) -> Result<Columns> {
    let fingerprint = dataset.fingerprint().to_string();
    let mut columns = Columns::new(dataset.len());
    for (name, path) in &config.columns {
        let column = Column::open(config.resolve(path))?;
        column.check(&fingerprint, dataset.len())?;
        columns.insert(name.clone(), column)?;
    }
    for (name, path) in Column::list(&dataset.columns_dir())? {
        if config.columns.contains_key(&name) {
            continue;
        }
        // What is damaged, or belongs to another view of the same files, is no fault until somebody asks for it.
        match Column::open(&path).and_then(|column| column.check(&fingerprint, dataset.len()).map(|()| column)) {
            Ok(column) => columns.insert(name, column)?,
            Err(reason) => columns.exclude(name, reason.to_string()),
        }
    }
    Ok(columns)
}

fn arrangement(config: &RunConfig) -> Result<Arrangement> {
    let batch = &config.batch;
    let misplaced = |key: &str, layout: &str| {
        Err(Error::config(
            config.place(&format!("batch.{key}")),
            format!("`{key}` has no meaning here"),
            format!("it goes with `layout = \"{layout}\"`"),
        ))
    };
    if batch.pad_to.is_some() && batch.layout != Layout::Padded {
        return misplaced("pad-to", "padded");
    }
    if batch.row_length.is_some() && batch.layout != Layout::Rows {
        return misplaced("row-length", "rows");
    }
    if batch.packer.is_some() && batch.layout != Layout::Rows {
        return misplaced("packer", "rows");
    }
    let positive = |key: &str, n: u32| match n {
        0 => Err(Error::config(config.place(&format!("batch.{key}")), format!("`{key}` is 0"), "give at least 1")),
        n => Ok(n),
    };
    Ok(match batch.layout {
        Layout::Packed => Arrangement::Packed,
        Layout::Padded => Arrangement::Padded { to: batch.pad_to.map(|n| positive("pad-to", n)).transpose()?, fill: batch.pad_token },
        Layout::Rows => match (batch.row_length, &batch.packer) {
            (Some(length), Some(_)) => Arrangement::Rows { length: positive("row-length", length)?, fill: batch.pad_token },
            _ => {
                return Err(Error::config(
                    config.place("batch.layout"),
                    "`layout = \"rows\"` needs `row-length` and `packer` in [batch]",
                    "add them, such as `row-length = 2048` and `packer = \"best-fit-decreasing\"`",
                ));
            }
        },
    })
}

/// What decides the order of samples and how much of them is used, in a form to compare at a resume.
fn identify(config: &RunConfig, dataset: &Dataset, columns: &Columns, policy: &PolicyPlugin, pacings: &PacingSources) -> Result<Identity> {
    let mut deciding = json!({ "policy": config.policy.config_json("policy.config")?, "pacing": pacings.identify() });
    // Only where they are written, so that the states of runs without them stay valid.
    let lengths = [
        ("truncate", config.batch.truncate.as_ref().map(serde_json::to_value)),
        ("reshape", config.batch.reshape.as_ref().map(serde_json::to_value)),
        ("random-ltd", config.random_ltd.as_ref().map(serde_json::to_value)),
    ];
    for (key, value) in lengths {
        if let Some(value) = value {
            // Names and numbers: nothing that JSON could refuse.
            deciding[key] = value.unwrap_or_default();
        }
    }
    // Policies see the count.
    if !config.batch.count_tokens {
        deciding["count-tokens"] = json!(false);
    }
    let description = policy.description();
    Ok(Identity {
        dataset: dataset.fingerprint().to_string(),
        plugin: format!("{} {}", description.name, description.version),
        plugin_sha256: hex(&policy.sha256()),
        config: Identity::hash(&deciding),
        columns: columns.iter().map(|(name, column)| (name.to_owned(), column.identity())).collect(),
        seed: config.seed,
    })
}
