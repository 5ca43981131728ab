//! Columns made by metrics.

use std::{cell::RefCell, path::PathBuf};

use curricle::{
    analysis::{self, Options, Outcome, Part},
    plugin::{self, Limits, MetricPlugin},
};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};

use crate::{
    dataset::Dataset,
    error::{Raised, Result},
    wait::Ears,
};

/// The preset of limits by its name.
pub(crate) fn limits(preset: &str) -> PyResult<Limits> {
    match preset {
        "compiled" => Ok(Limits::default()),
        "interpreted" => Ok(Limits::interpreted()),
        other => Err(PyValueError::new_err(format!("`limits`: there is no preset `{other}`; there are compiled and interpreted"))),
    }
}

/// The metric of a name or path, with its configuration as JSON.
pub(crate) fn metric(name: &str, config: &str, preset: &str) -> Result<MetricPlugin> {
    let config: serde_json::Value =
        serde_json::from_str(config).map_err(|error| PyValueError::new_err(format!("the configuration is no JSON: {error}")))?;
    Ok(MetricPlugin::load(name, &plugin::find(name)?, &config, &limits(preset)?)?)
}

/// Makes the column at `target`, or a part of it; what came of it as a dictionary.
#[pyfunction]
#[pyo3(signature = (dataset, name, config, target, limits, threads, part, force, progress))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
pub(crate) fn analyze<'py>(
    py: Python<'py>,
    dataset: &Dataset,
    name: &str,
    config: &str,
    target: PathBuf,
    limits: &str,
    threads: usize,
    part: Option<&str>,
    force: bool,
    progress: Option<Py<PyAny>>,
) -> Result<Bound<'py, PyDict>> {
    let part: Option<Part> = part.map(str::parse).transpose()?;
    let ears = RefCell::new(Ears::default());
    // Everything below is on this thread; the workers are the library's.
    struct OnThisThread<T>(T);
    // SAFETY: `detach` runs its closure on the calling thread, and nothing else is handed this.
    unsafe impl<T> Send for OnThisThread<T> {}
    let work = OnThisThread((&ears, &progress));
    let report = py.detach(move || {
        let OnThisThread((ears, progress)) = { work };
        let plugin = metric(name, config, limits)?;
        let told = |done: analysis::Progress| {
            let Some(progress) = progress else { return };
            let call =
                |py: Python<'_>| progress.call1(py, (done.rounds_done, done.rounds, done.samples, done.n_samples, done.tokens)).map(drop);
            if let Err(error) = Python::attach(call) {
                ears.borrow_mut().keep(error);
            }
        };
        let interrupted = || ears.borrow_mut().interrupted();
        let options = Options { threads, part, force, progress: Some(&told), interrupted: Some(&interrupted) };
        analysis::analyze(&dataset.0, &plugin, &target, &options).map_err(Raised::from)
    });
    if let Some(error) = ears.borrow_mut().heard() {
        return Err(error.into());
    }
    let report = report?;
    let dict = PyDict::new(py);
    dict.set_item("made", report.made)?;
    dict.set_item("continued", report.continued)?;
    dict.set_item("tokens", report.tokens)?;
    let path = match &report.outcome {
        Outcome::Column(column) => Some(column.path().to_owned()),
        Outcome::Totals(_) => None,
        Outcome::Part(part) => Some(part.path.clone()),
        Outcome::Pass { .. } => None,
    };
    dict.set_item("path", path)?;
    if let Outcome::Part(part) = &report.outcome {
        dict.set_item("round", (part.round, part.rounds))?;
    }
    Ok(dict)
}
