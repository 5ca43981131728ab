//! The step loop: waits for the next batch, and hears Ctrl-C meanwhile.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use curricle::{Change, Layout, Next, RankDigest, SamplerState};
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

/// A sampler and where it stood one step before.
struct Inner {
    sampler: curricle::Sampler,
    before: SamplerState,
}

/// Lets a sampler go on a thread of its own: its thread may be in the middle of a call of a plugin, for which neither the interpreter nor its end should
/// wait. In a forked process that thread is not there to be waited for at all, so what belongs to it is left behind.
fn let_go(inner: Option<Inner>, home: Home) {
    if home.is_here() {
        // Without a thread it is dropped here.
        let _ = thread::Builder::new().name("curricle-close".into()).spawn(move || drop(inner));
    } else {
        std::mem::forget(inner);
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
        let before = sampler.state();
        Ok(Sampler { inner: Mutex::new(Some(Inner { sampler, before })), layout, home: Home::here() })
    }

    /// The micro-batches of the next step, none at the end of the run.
    fn next(&self, py: Python<'_>) -> Result<Option<Vec<Batch>>> {
        loop {
            let next = py.detach(|| {
                self.with(|inner| {
                    let before = inner.sampler.state();
                    let next = inner.sampler.next_batch_within(PULSE)?;
                    if matches!(next, Next::Batch(_)) {
                        inner.before = before;
                    }
                    Ok(next)
                })
            })?;
            match next {
                Next::Over => return Ok(None),
                Next::NotYet => py.check_signals()?,
                Next::Batch(batch) => {
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
        }
    }

    /// The state as JSON, of the last step that was handed out, or of the one before it.
    #[pyo3(signature = (before = false))]
    fn state(&self, before: bool) -> Result<String> {
        self.with(|inner| Ok(if before { inner.before.to_json() } else { inner.sampler.state().to_json() }))
    }

    /// Number of the step that comes next.
    #[getter]
    fn step(&self) -> Result<u64> {
        self.with(|inner| Ok(inner.sampler.state().step()))
    }

    fn rank_digest<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>> {
        self.with(|inner| Ok(PyBytes::new(py, &inner.sampler.rank_digest().bytes())))
    }

    fn close(&self) {
        let_go(self.inner.lock().unwrap_or_else(PoisonError::into_inner).take(), self.home);
    }
}

/// Raises `RanksError` unless all ranks agree.
#[pyfunction]
pub(crate) fn agree(digests: Vec<[u8; 16]>) -> Result<()> {
    let digests: Vec<RankDigest> = digests.into_iter().map(RankDigest::from_bytes).collect();
    RankDigest::agree(&digests).map_err(Raised::from)
}
