//! A run file that was opened.

use std::{path::PathBuf, sync::Arc};

use curricle::{Layout, Run, RunConfig, SamplerState};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};

use crate::{
    dataset::Dataset,
    error::{Raised, Result},
    wait::interruptible,
};

/// Reads a run file, and opens nothing of what it names.
pub(crate) fn parse(path: Option<PathBuf>, text: Option<String>, folder: Option<PathBuf>) -> PyResult<RunConfig> {
    let parsed = match (path, text) {
        (Some(path), None) => RunConfig::load(path),
        (None, Some(text)) => RunConfig::parse(&text, "run file", folder.unwrap_or_default()),
        _ => return Err(PyValueError::new_err("give either the path of a run file or its text")),
    };
    parsed.map_err(|error| Raised::from(error).into())
}

/// The word for a layout in a run file.
pub(crate) fn layout(layout: Layout) -> &'static str {
    match layout {
        Layout::Packed => "packed",
        Layout::Padded => "padded",
        Layout::Rows => "rows",
    }
}

/// What opens a run, and no more: cheap to make, safe to fork and to send.
#[pyclass(frozen, module = "curricle._native")]
#[derive(Debug)]
pub(crate) struct RunFile(RunConfig);

#[pymethods]
impl RunFile {
    #[new]
    #[pyo3(signature = (path = None, text = None, folder = None))]
    fn new(path: Option<PathBuf>, text: Option<String>, folder: Option<PathBuf>) -> PyResult<RunFile> {
        parse(path, text, folder).map(RunFile)
    }

    /// Rank and number of ranks as the file has them.
    #[getter]
    fn rank(&self) -> (u32, u32) {
        (self.0.batch.dp_rank, self.0.batch.dp_world_size)
    }

    /// How the tokens of a micro-batch lie in memory.
    #[getter]
    fn layout(&self) -> &'static str {
        layout(self.0.batch.layout)
    }

    /// Opens everything, for a rank.
    fn open(&self, py: Python<'_>, dp_rank: u32, dp_world_size: u32) -> Result<OpenRun> {
        let config = self.0.clone();
        // It may compile a plugin.
        let run = interruptible(py, move || Ok(Run::open(config)?.with_rank(dp_rank, dp_world_size)?))?;
        Ok(OpenRun(Arc::new(run)))
    }
}

/// A run whose files are open and whose plugins are compiled.
#[pyclass(frozen, module = "curricle._native", name = "Run")]
#[derive(Clone, Debug)]
pub(crate) struct OpenRun(pub(crate) Arc<Run>);

impl OpenRun {
    /// Reads a state that is to be resumed from.
    pub(crate) fn state(json: Option<&str>) -> Result<Option<SamplerState>> {
        Ok(json.map(|json| SamplerState::from_json(json, "in memory")).transpose()?)
    }
}

#[pymethods]
impl OpenRun {
    #[getter]
    fn dataset(&self) -> Dataset {
        Dataset::of(self.0.dataset().clone())
    }

    /// Global batches of the whole run, if anybody can know.
    #[getter]
    fn n_steps(&self) -> Option<u64> {
        self.0.n_steps()
    }

    #[getter]
    fn n_samples(&self) -> u64 {
        self.0.dataset().len()
    }

    #[getter]
    fn global_batch_size(&self) -> u32 {
        self.0.shape().global()
    }

    #[getter]
    fn micro_batch_size(&self) -> u32 {
        self.0.shape().micro_batch()
    }

    #[getter]
    fn accumulation(&self) -> u32 {
        self.0.shape().accumulation()
    }

    #[getter]
    fn dp_rank(&self) -> u32 {
        self.0.shape().dp_rank()
    }

    #[getter]
    fn dp_world_size(&self) -> u32 {
        self.0.shape().dp_world_size()
    }

    /// Micro-batches of this rank in a step of the run: the last may have fewer than the others.
    fn n_micro_batches(&self, step: u64) -> u32 {
        self.0.n_micro_batches(step)
    }

    /// What decides the order of samples, as names and hashes.
    #[getter]
    fn identity<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let identity = self.0.identity();
        let dict = PyDict::new(py);
        dict.set_item("dataset", &identity.dataset)?;
        dict.set_item("plugin", &identity.plugin)?;
        dict.set_item("plugin_sha256", &identity.plugin_sha256)?;
        dict.set_item("config", &identity.config)?;
        dict.set_item("columns", &identity.columns)?;
        dict.set_item("seed", identity.seed)?;
        Ok(dict)
    }
}
