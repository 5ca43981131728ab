//! Columns made by metrics.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use curricle::{
    analysis::{self, Options, Outcome, Part},
    plugin::{self, Limits, MetricPlugin},
};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};

use crate::{
    dataset::Dataset,
    error::{Raised, Result},
    wait::{PULSE, panicked, receive},
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

/// How long an analysis that is to stop is waited for.
const PATIENCE: Duration = Duration::from_millis(40);

/// What the thread of an analysis has to say.
enum News {
    Progress(analysis::Progress),
    Done(Result<analysis::Report>),
}

/// Passes on what is told, and hears signals; what came of it, or the exception that is to stop it.
fn listen(py: Python<'_>, news: &mut Receiver<News>, progress: Option<&Py<PyAny>>) -> PyResult<Result<analysis::Report>> {
    loop {
        match receive(py, news, PULSE) {
            Ok(News::Done(done)) => return Ok(done),
            Ok(News::Progress(done)) => {
                py.check_signals()?;
                if let Some(progress) = progress {
                    progress.call1(py, (done.rounds_done, done.rounds, done.samples, done.n_samples, done.tokens))?;
                }
            }
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => return Err(panicked()),
        }
    }
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
    let (dataset, name, config, limits) = (dataset.0.clone(), name.to_owned(), config.to_owned(), limits.to_owned());
    let stop = Arc::new(AtomicBool::new(false));
    let (told, mut news) = channel();
    let stopped = stop.clone();
    let work = move || {
        let done = metric(&name, &config, &limits).and_then(|plugin| {
            // Nobody may be there to be told any more.
            let tell = |progress| drop(told.send(News::Progress(progress)));
            let interrupted = || stopped.load(Ordering::Relaxed);
            let options = Options { threads, part, force, progress: Some(&tell), interrupted: Some(&interrupted) };
            analysis::analyze(&dataset, &plugin, &target, &options).map_err(Raised::from)
        });
        let _ = told.send(News::Done(done));
    };
    thread::Builder::new().name("curricle-analyze".to_owned()).spawn(work).map_err(PyErr::from)?;
    let report = match listen(py, &mut news, progress.as_ref()) {
        Ok(done) => done?,
        Err(error) => {
            stop.store(true, Ordering::Relaxed);
            // Mostly it is over at once. A metric that is in the middle of a call goes on by itself until its deadline at most.
            let begun = Instant::now();
            while begun.elapsed() < PATIENCE && !matches!(receive(py, &mut news, PATIENCE), Ok(News::Done(_)) | Err(_)) {}
            return Err(error.into());
        }
    };
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
