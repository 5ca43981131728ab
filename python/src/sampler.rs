//! The step loop: waits for the next batch, and hears Ctrl-C meanwhile.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use curricle::{Change, Layout, Next, RankDigest, SamplerState, batch::Digest};
use pyo3::{exceptions::PyRuntimeError, prelude::*, types::PyBytes};

use crate::{
    batch::{Batch, OfStep},
    error::{Raised, Result},
    run::OpenRun,
    wait::{Home, PULSE, interruptible},
};

/// The differences named by their flags.
pub(crate) fn changes(names: &[String]) -> PyResult<Vec<Change>> {
    let known = || Change::ALL.map(Change::flag).join(", ");
    let find = |name: &String| Change::ALL.into_iter().find(|change| change.flag() == name);
    names
        .iter()
        .map(|name| {
            find(name).ok_or_else(|| {
                pyo3::exceptions::PyValueError::new_err(format!("`allow`: no change is called `{name}`; there are {}", known()))
            })
        })
        .collect()
}

/// A sampler, and what Python knows of it: where it stands after the step that was given out last, and where before.
struct Inner {
    sampler: curricle::Sampler,
    /// A step that came while an exception ended the call that was to take it.
    unclaimed: Option<Box<curricle::batch::Batch>>,
    at: SamplerState,
    before: SamplerState,
    digest: RankDigest,
    /// Identity of the global batch that was given out last.
    batch: Option<Digest>,
}

impl Inner {
    /// Waits for the next step, but not for long, unless one waits to be taken.
    fn wait(&mut self) -> Result<Waited> {
        if self.unclaimed.is_none() {
            match self.sampler.next_batch_within(PULSE)? {
                Next::Over => return Ok(Waited::Over),
                Next::NotYet => return Ok(Waited::NotYet),
                Next::Batch(batch) => self.unclaimed = Some(Box::new(batch)),
            }
        }
        Ok(Waited::Ready)
    }

    fn claim(&mut self) -> Option<Box<curricle::batch::Batch>> {
        let batch = self.unclaimed.take()?;
        self.before = mem::replace(&mut self.at, self.sampler.state());
        self.digest = self.sampler.rank_digest();
        self.batch = Some(batch.digest);
        Some(batch)
    }
}

/// What came of waiting for a step.
enum Waited {
    Ready,
    NotYet,
    Over,
}

/// Lets a sampler go on a thread of its own: its thread may be in the middle of a call of a plugin, for which neither the interpreter nor its end should
/// wait. In a forked process that thread is not there to be waited for at all, so what belongs to it is left behind.
fn let_go(inner: Option<Inner>, home: Home) {
    if home.is_here() {
        // Without a thread it is dropped here.
        let _ = thread::Builder::new().name("curricle-close".into()).spawn(move || drop(inner));
    } else {
        mem::forget(inner);
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let_go(Some(inner), self.home);
        }
    }
}

#[pyclass(frozen, module = "curricle._native")]
pub(crate) struct Sampler {
    inner: Mutex<Option<Inner>>,
    layout: Layout,
    home: Home,
}

impl Sampler {
    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> Result<T>) -> Result<T> {
        self.home.check("loader")?;
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        work(inner.as_mut().ok_or_else(|| PyRuntimeError::new_err("this loader is closed; make another"))?)
    }
}

#[pymethods]
impl Sampler {
    #[new]
    #[pyo3(signature = (run, state = None, allow = Vec::new()))]
    fn new(py: Python<'_>, run: &OpenRun, state: Option<&str>, allow: Vec<String>) -> Result<Sampler> {
        let (run, state, allow) = (run.0.clone(), OpenRun::state(state)?, changes(&allow)?);
        let layout = run.config().batch.layout;
        let sampler = interruptible(py, move || {
            Ok(match &state {
                Some(state) => curricle::Sampler::resume_allowing(&run, state, &allow)?,
                None => curricle::Sampler::start(&run)?,
            })
        })?;
        let (at, digest) = (sampler.state(), sampler.rank_digest());
        let inner = Inner { unclaimed: None, before: at.clone(), at, digest, batch: None, sampler };
        Ok(Sampler { inner: Mutex::new(Some(inner)), layout, home: Home::here() })
    }

    /// The micro-batches of the next step, none at the end of the run.
    fn next(&self, py: Python<'_>) -> Result<Option<Vec<Batch>>> {
        loop {
            let waited = py.detach(|| self.with(Inner::wait))?;
            // A signal that came meanwhile is heard before the step is taken: it is still there for who goes on.
            py.check_signals()?;
            let batch = match waited {
                Waited::Over => return Ok(None),
                Waited::NotYet => continue,
                Waited::Ready => self.with(|inner| Ok(inner.claim()))?,
            };
            // Another thread may have been faster.
            let Some(batch) = batch else { continue };
            let of_step = Arc::new(OfStep {
                step: batch.step,
                digest: batch.digest,
                annotations: batch.annotations,
                value_names: batch.value_names,
                n: batch.micro_batches.len(),
                layout: self.layout,
            });
            let each = |(place, inner)| Batch { of_step: of_step.clone(), place, inner };
            return Ok(Some(batch.micro_batches.into_iter().enumerate().map(each).collect()));
        }
    }

    /// The state as JSON, of the last step that was handed out, or of the one before it.
    #[pyo3(signature = (before = false))]
    fn state(&self, before: bool) -> Result<String> {
        self.with(|inner| Ok(if before { inner.before.to_json() } else { inner.at.to_json() }))
    }

    /// Number of the step that comes next.
    #[getter]
    fn step(&self) -> Result<u64> {
        self.with(|inner| Ok(inner.at.step()))
    }

    /// Identity of the global batch of the step that was handed out last, equal on all ranks; none before the first.
    #[getter]
    fn digest(&self) -> Result<Option<String>> {
        self.with(|inner| Ok(inner.batch.map(|batch| batch.to_string())))
    }

    fn rank_digest<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>> {
        self.with(|inner| Ok(PyBytes::new(py, &inner.digest.bytes())))
    }

    fn close(&self) {
        // In a forked process nobody may be there to open what was locked.
        if !self.home.is_here() {
            return;
        }
        let_go(self.inner.lock().unwrap_or_else(PoisonError::into_inner).take(), self.home);
    }
}

/// Raises `RanksError` unless all ranks agree.
#[pyfunction]
pub(crate) fn agree(digests: Vec<[u8; 16]>) -> Result<()> {
    let digests: Vec<RankDigest> = digests.into_iter().map(RankDigest::from_bytes).collect();
    RankDigest::agree(&digests).map_err(Raised::from)
}
