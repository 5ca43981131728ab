//! Plans without tokens: ids for those who read data themselves, and what a run would draw.

use std::{
    mem,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use curricle::{Planned, RankDigest, Run, SamplerState, batch::Digest};
use numpy::PyArray1;
use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::{
    error::Result,
    run::OpenRun,
    sampler::changes,
    wait::{Home, interruptible},
};

#[pyclass(frozen, module = "curricle._native")]
#[derive(Debug)]
pub(crate) struct Planner {
    run: Arc<Run>,
    /// None after an error, after which a planner is of no use. Held as long as a call of a plugin may last.
    inner: Arc<Mutex<Option<Inner>>>,
    /// Held for moments.
    told: Mutex<Told>,
    home: Home,
}

/// A planner, and what was planned for a call that an exception ended before it took it.
#[derive(Debug)]
struct Inner {
    planner: curricle::Planner,
    unclaimed: Option<Ahead>,
}

/// A step that was planned, none at the end of the run, and where that leads.
#[derive(Debug)]
struct Ahead {
    planned: Option<Planned>,
    at: Stand,
}

/// Where a planner stands.
#[derive(Clone, Debug)]
struct Stand {
    state: SamplerState,
    digest: RankDigest,
}

impl Stand {
    fn of(planner: &curricle::Planner) -> Stand {
        Stand { state: planner.state(), digest: planner.rank_digest() }
    }
}

/// What Python knows of: where it stands after what it was given last, and where before.
#[derive(Debug)]
struct Told {
    at: Stand,
    before: SamplerState,
    /// Identity of the global batch that it was given last.
    batch: Option<Digest>,
}

impl Planner {
    fn told<T>(&self, look: impl FnOnce(&mut Told) -> T) -> Result<T> {
        self.home.check("sampler")?;
        Ok(look(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Does what may take long. What was interrupted goes on first, before anything else is done with the planner.
    fn patiently<T: Send + 'static>(&self, py: Python<'_>, work: impl FnOnce(&mut Inner) -> Result<T> + Send + 'static) -> Result<T> {
        self.home.check("sampler")?;
        let inner = self.inner.clone();
        interruptible(py, move || with(&inner, work))
    }
}

fn with<T>(inner: &Mutex<Option<Inner>>, work: impl FnOnce(&mut Inner) -> Result<T>) -> Result<T> {
    let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
    let planner = inner.as_mut().ok_or_else(|| PyRuntimeError::new_err("this sampler is closed, or failed; resume from the last state"))?;
    let done = work(planner);
    if done.is_err() {
        *inner = None;
    }
    done
}

impl Inner {
    /// Plans a step, unless one waits to be taken.
    fn plan(&mut self) -> Result<()> {
        if self.unclaimed.is_none() {
            let planned = self.planner.plan()?;
            self.unclaimed = Some(Ahead { planned, at: Stand::of(&self.planner) });
        }
        Ok(())
    }

    /// Plans so many steps up to a step, and throws them away; where that leads, and whether it is there or at the end of the run.
    fn skip(&mut self, step: u64, most: usize) -> Result<(Stand, bool)> {
        self.unclaimed = None;
        let mut there = false;
        for _ in 0..most {
            there = self.planner.state().step() >= step || self.planner.plan()?.is_none();
            if there {
                break;
            }
        }
        Ok((Stand::of(&self.planner), there))
    }
}

#[pymethods]
impl Planner {
    #[new]
    #[pyo3(signature = (run, state = None, allow = Vec::new()))]
    fn new(py: Python<'_>, run: &OpenRun, state: Option<&str>, allow: Vec<String>) -> Result<Planner> {
        let (run, state, allow) = (run.0.clone(), OpenRun::state(state)?, changes(&allow)?);
        let its = run.clone();
        let planner = interruptible(py, move || {
            Ok(match &state {
                Some(state) => its.planner_allowing(state, &allow)?,
                None => its.planner()?,
            })
        })?;
        let at = Stand::of(&planner);
        let told = Mutex::new(Told { before: at.state.clone(), at, batch: None });
        let inner = Arc::new(Mutex::new(Some(Inner { planner, unclaimed: None })));
        Ok(Planner { run, inner, told, home: Home::here() })
    }

    /// Ids of each of this rank's micro-batches of the next global batch; none at the end of the run.
    fn next(&self, py: Python<'_>) -> Result<Option<Vec<Vec<u64>>>> {
        let ahead = loop {
            self.patiently(py, Inner::plan)?;
            // A signal that came meanwhile is heard before the step is taken: it is still there for who goes on.
            py.check_signals()?;
            // Another thread may have been faster.
            if let Some(ahead) = py.detach(|| with(&self.inner, |inner| Ok(inner.unclaimed.take())))? {
                break ahead;
            }
        };
        let Ahead { planned: Some(Planned { plan, digest, .. }), at } = ahead else { return Ok(None) };
        self.told(|told| {
            told.before = mem::replace(&mut told.at, at).state;
            told.batch = Some(digest);
        })?;
        let ids = |places: Range<usize>| plan.ids().get(places).unwrap_or_default().to_vec();
        Ok(Some(plan.micro_batches(self.run.shape()).map(ids).collect()))
    }

    /// The state as JSON, of the last step that was given out, or of the one before it; also after an error.
    #[pyo3(signature = (before = false))]
    fn state(&self, before: bool) -> Result<String> {
        self.told(|told| if before { told.before.to_json() } else { told.at.state.to_json() })
    }

    /// Number of the step that is given out next.
    #[getter]
    fn step(&self) -> Result<u64> {
        self.told(|told| told.at.state.step())
    }

    /// Identity of the global batch that was given out last, equal on all ranks; none before the first.
    #[getter]
    fn digest(&self) -> Result<Option<String>> {
        self.told(|told| told.batch.map(|batch| batch.to_string()))
    }

    fn rank_digest<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>> {
        let digest = self.told(|told| told.at.digest.bytes())?;
        Ok(PyBytes::new(py, &digest))
    }

    /// Lets go of it, or leaves that to the call that is under way.
    fn close(&self) {
        if !self.home.is_here() {
            return;
        }
        if let Ok(mut inner) = self.inner.try_lock() {
            *inner = None;
        }
    }

    /// Plans up to a step and throws away what it planned; the step that it came to, which is earlier at the end of the run.
    fn skip_to(&self, py: Python<'_>, step: u64) -> Result<u64> {
        const AT_ONCE: usize = 256;
        loop {
            let (at, there) = self.patiently(py, move |inner| inner.skip(step, AT_ONCE))?;
            let came_to = at.state.step();
            self.told(|told| *told = Told { before: at.state.clone(), at, batch: None })?;
            if there {
                return Ok(came_to);
            }
            py.check_signals()?;
        }
    }

    /// What the next `steps` steps draw: for each the samples, fuel and digest; by stream what was drawn from it; by annotation its value.
    fn simulate<'py>(&self, py: Python<'py>, steps: u64) -> Result<Bound<'py, PyDict>> {
        let mut seen = Seen::default();
        let mut left = steps;
        while left > 0 {
            let n = left.min(256);
            let mut so_far = std::mem::take(&mut seen);
            let over;
            (seen, over) = self.patiently(py, move |inner| {
                let over = so_far.go_on(&mut inner.planner, n)?;
                Ok((so_far, over))
            })?;
            py.check_signals()?;
            left = if over { 0 } else { left - n };
        }
        Ok(seen.tables(py)?)
    }
}

/// What a simulation saw, a row a step.
#[derive(Default)]
struct Seen {
    steps: Vec<u64>,
    samples: Vec<u32>,
    fuel: Vec<u64>,
    digests: Vec<String>,
    streams: Table<u32>,
    annotations: Table<f64>,
}

/// Columns that come up in the course of the steps.
struct Table<T> {
    names: Vec<String>,
    columns: Vec<Vec<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { names: Vec::new(), columns: Vec::new() }
    }
}

impl<T: Copy> Table<T> {
    /// The place of a column in the row that follows so many.
    fn at(&mut self, name: &str, rows: usize, nothing: T) -> Option<&mut T> {
        let place = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.columns.push(Vec::new());
            self.names.len() - 1
        });
        let column = self.columns.get_mut(place)?;
        column.resize(rows + 1, nothing);
        column.last_mut()
    }
}

impl Seen {
    /// Plans so many steps; whether the run is over.
    fn go_on(&mut self, planner: &mut curricle::Planner, n: u64) -> Result<bool> {
        for _ in 0..n {
            let Some(planned) = planner.plan()? else { return Ok(true) };
            let row = self.steps.len();
            for draw in planned.plan.draws() {
                let name = planner.streams().get(draw.stream).map(|stream| stream.name().clone()).unwrap_or_default();
                if let Some(drawn) = self.streams.at(&name, row, 0) {
                    *drawn += draw.count;
                }
            }
            for (name, value) in planned.plan.annotations() {
                if let Some(place) = self.annotations.at(name, row, f64::NAN) {
                    *place = *value;
                }
            }
            self.steps.push(planned.step);
            self.samples.push(planned.plan.ids().len() as u32);
            self.fuel.push(planner.spent().fuel);
            self.digests.push(planned.digest.to_string());
        }
        Ok(false)
    }

    fn tables(mut self, py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let rows = self.steps.len();
        let dict = PyDict::new(py);
        dict.set_item("step", PyArray1::from_vec(py, self.steps))?;
        dict.set_item("samples", PyArray1::from_vec(py, self.samples))?;
        dict.set_item("fuel", PyArray1::from_vec(py, self.fuel))?;
        dict.set_item("digest", self.digests)?;
        let streams = PyDict::new(py);
        for (name, column) in self.streams.names.iter().zip(&mut self.streams.columns) {
            column.resize(rows, 0);
            streams.set_item(name, PyArray1::from_slice(py, column))?;
        }
        dict.set_item("streams", streams)?;
        let annotations = PyDict::new(py);
        for (name, column) in self.annotations.names.iter().zip(&mut self.annotations.columns) {
            column.resize(rows, f64::NAN);
            annotations.set_item(name, PyArray1::from_slice(py, column))?;
        }
        dict.set_item("annotations", annotations)?;
        Ok(dict)
    }
}
