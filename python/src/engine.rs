//! Analyses whose samples an engine such as Ray or Spark hands out: workers where the data is, and the collector of the driver.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use curricle::{
    analysis::{
        self, Outcome,
        engine::{self, Finding, Opening},
    },
    hex,
    plugin::MetricPlugin,
};
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::{
    analysis::limits,
    dataset::Dataset,
    error::Result,
    record_batches::{Tokens, each_batch},
    wait::interruptible,
};

/// A dataset without its tokens.
#[pyclass(frozen, module = "curricle._native")]
#[derive(Debug)]
pub(crate) struct Outline(analysis::Outline);

#[pymethods]
impl Outline {
    #[staticmethod]
    fn of(py: Python<'_>, dataset: &Dataset) -> Result<Outline> {
        let dataset = dataset.0.clone();
        Ok(Outline(interruptible(py, move || Ok(analysis::Outline::of(&dataset)?))?))
    }

    #[staticmethod]
    fn from_json(json: &str) -> Result<Outline> {
        Ok(Outline(analysis::Outline::from_json(json)?))
    }

    fn to_json(&self) -> String {
        self.0.to_json()
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.0.len()).unwrap_or(usize::MAX)
    }

    #[getter]
    fn n_tokens(&self) -> u64 {
        self.0.n_tokens()
    }

    #[getter]
    fn token_type(&self) -> &'static str {
        self.0.token_type().name()
    }

    #[getter]
    fn vocab_size(&self) -> Option<u64> {
        self.0.vocab_size()
    }

    #[getter]
    fn fingerprint(&self) -> String {
        self.0.fingerprint().to_string()
    }

    #[getter]
    fn name(&self) -> PathBuf {
        self.0.name().to_owned()
    }

    #[getter]
    fn n_blocks(&self) -> u64 {
        self.0.n_blocks()
    }

    #[getter]
    fn samples_per_block(&self) -> u64 {
        self.0.samples_per_block()
    }
}

/// A metric that is in memory.
#[pyclass(frozen, module = "curricle._native")]
#[derive(Debug)]
pub(crate) struct Metric(Arc<MetricPlugin>);

#[pymethods]
impl Metric {
    #[new]
    fn new(py: Python<'_>, name: &str, wasm: &[u8], config: &str, preset: &str) -> Result<Metric> {
        let config: serde_json::Value =
            serde_json::from_str(config).map_err(|error| PyValueError::new_err(format!("the configuration is no JSON: {error}")))?;
        let limits = limits(preset)?;
        let (name, wasm) = (name.to_owned(), wasm.to_vec());
        Ok(Metric(interruptible(py, move || Ok(Arc::new(MetricPlugin::from_bytes(&name, wasm, &config, &limits)?)))?))
    }

    #[getter]
    fn sha256(&self) -> String {
        hex(&self.0.sha256())
    }
}

/// The path of a metric's file.
#[pyfunction]
pub(crate) fn find_plugin(name: &str) -> Result<PathBuf> {
    Ok(curricle::plugin::find(name)?)
}

/// One instance of a metric for one round.
#[pyclass(frozen, module = "curricle._native")]
#[derive(Debug)]
pub(crate) struct Worker(Mutex<engine::Worker>);

impl Worker {
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut engine::Worker) -> curricle::Result<T> + Send) -> Result<T> {
        Ok(py.detach(|| work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))?)
    }
}

#[pymethods]
impl Worker {
    #[new]
    fn new(py: Python<'_>, metric: &Metric, outline: &Outline, merged: Vec<Vec<u8>>) -> Result<Worker> {
        let (metric, outline) = (metric.0.clone(), outline.0.clone());
        Ok(Worker(Mutex::new(interruptible(py, move || Ok(engine::Worker::new(&metric, &outline, &merged)?))?)))
    }

    fn begin(&self, py: Python<'_>, start: u64, end: u64) -> Result<()> {
        self.with(py, |worker| worker.begin(start..end))
    }

    /// Id of the sample that is to come next.
    #[getter]
    fn next(&self, py: Python<'_>) -> Result<u64> {
        self.with(py, |worker| Ok(worker.next()))
    }

    /// Takes the rows of record batches, of which the first is sample `first`, and says how many tokens there were. With `lengths` the column holds
    /// numbers of tokens instead of tokens.
    #[pyo3(signature = (batches, column, first, lengths = false))]
    fn feed(&self, batches: &Bound<'_, PyAny>, column: &str, first: u64, lengths: bool) -> Result<u64> {
        let (mut next, mut n_tokens) = (first, 0u64);
        each_batch(batches, |batch| {
            let tokens = if lengths { Tokens::lengths(&batch, column, next)? } else { Tokens::of(&batch, column, next)? };
            n_tokens += self.with(batches.py(), |worker| {
                tokens.with(next, |rows| worker.feed(rows).map(|()| rows.lens.iter().map(|len| u64::from(*len)).sum::<u64>()))
            })?;
            next = next.saturating_add(tokens.len() as u64);
            Ok(batches.py().check_signals()?)
        })?;
        Ok(n_tokens)
    }

    /// What was found in the span, as bytes.
    fn finish<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>> {
        let bytes = self.with(py, |worker| worker.finish().map(|finding| finding.to_bytes()))?;
        Ok(PyBytes::new(py, &bytes))
    }
}

/// Makes a column of what workers find.
#[pyclass(frozen, module = "curricle._native")]
#[derive(Debug)]
pub(crate) struct Collector(Arc<Mutex<Option<Box<engine::Collector>>>>);

impl Collector {
    /// Does something with it that is over at once.
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut engine::Collector) -> curricle::Result<T> + Send) -> Result<T> {
        py.detach(|| on(&self.0, work))
    }

    /// Does something with it that may take until a plugin's deadline, or as long as sorting takes.
    fn slowly<T: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut engine::Collector) -> curricle::Result<T> + Send + 'static,
    ) -> Result<T> {
        let collector = self.0.clone();
        interruptible(py, move || on(&collector, work))
    }
}

fn on<T>(collector: &Mutex<Option<Box<engine::Collector>>>, work: impl FnOnce(&mut engine::Collector) -> curricle::Result<T>) -> Result<T> {
    match &mut *collector.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(collector) => Ok(work(collector)?),
        None => Err(PyValueError::new_err("the analysis is over").into()),
    }
}

#[pymethods]
impl Collector {
    /// A collector, or none and what is there already.
    #[staticmethod]
    fn open<'py>(
        py: Python<'py>,
        metric: &Metric,
        outline: &Outline,
        target: PathBuf,
        force: bool,
    ) -> Result<(Option<Collector>, Option<Bound<'py, PyDict>>)> {
        let (metric, outline) = (metric.0.clone(), outline.0.clone());
        match interruptible(py, move || Ok(engine::Collector::open(&metric, &outline, &target, force)?))? {
            Opening::Begun(collector) => Ok((Some(Collector(Arc::new(Mutex::new(Some(collector))))), None)),
            Opening::UpToDate(outcome) => Ok((None, Some(told(py, &outcome)?))),
        }
    }

    /// Results of the passes that are done.
    fn merged<'py>(&self, py: Python<'py>) -> Result<Vec<Bound<'py, PyBytes>>> {
        let merged = self.with(py, |collector| Ok(collector.merged().to_vec()))?;
        Ok(merged.iter().map(|result| PyBytes::new(py, result)).collect())
    }

    #[getter]
    fn reads_tokens(&self, py: Python<'_>) -> Result<bool> {
        self.with(py, |collector| Ok(collector.reads_tokens()))
    }

    #[getter]
    fn continued(&self, py: Python<'_>) -> Result<bool> {
        self.with(py, |collector| Ok(collector.continued()))
    }

    /// Rounds done, rounds in all, samples done in this round, samples in all.
    fn progress(&self, py: Python<'_>) -> Result<(u32, u32, u64, u64)> {
        let done = self.with(py, |collector| Ok(collector.progress()))?;
        Ok((done.rounds_done, done.rounds, done.samples, done.n_samples))
    }

    fn add(&self, py: Python<'_>, finding: &[u8]) -> Result<()> {
        let finding = py.detach(|| Finding::from_bytes(finding))?;
        self.slowly(py, move |collector| collector.add(&finding))
    }

    /// What it came to, after the last round.
    fn finish_round<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyDict>>> {
        let outcome = self.slowly(py, engine::Collector::finish_round)?;
        let dict = outcome.as_ref().map(|outcome| told(py, outcome)).transpose()?;
        if outcome.is_some() {
            self.close();
        }
        Ok(dict)
    }

    /// Lets go of its files, unless something is still done with it: then they are let go of when nobody has it any more.
    fn close(&self) {
        if let Ok(mut collector) = self.0.try_lock() {
            *collector = None;
        }
    }
}

fn told<'py>(py: Python<'py>, outcome: &Outcome) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let path = match outcome {
        Outcome::Column(column) => Some(column.path().to_owned()),
        _ => None,
    };
    dict.set_item("path", path)?;
    Ok(dict)
}
