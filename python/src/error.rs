//! Errors of the library as exceptions of `curricle.errors`: one class for each variant and each kind of fault.

use std::io::ErrorKind;

use curricle::{Error, FaultKind};
use pyo3::{
    exceptions::{PyKeyboardInterrupt, PyRuntimeError},
    prelude::*,
    types::PyDict,
};

/// "No such file or directory", on every system.
const ENOENT: i32 = 2;

/// Results whose error the caller of Python sees.
pub(crate) type Result<T> = std::result::Result<T, Raised>;

/// What is to be raised.
pub(crate) enum Raised {
    /// An error of the library.
    Ours(Error),
    /// An exception that is there already, such as that of Ctrl-C.
    Python(PyErr),
}

impl From<Error> for Raised {
    fn from(error: Error) -> Raised {
        Raised::Ours(error)
    }
}

impl From<PyErr> for Raised {
    fn from(error: PyErr) -> Raised {
        Raised::Python(error)
    }
}

impl From<Raised> for PyErr {
    fn from(raised: Raised) -> PyErr {
        match raised {
            Raised::Python(error) => error,
            Raised::Ours(Error::Interrupted { doing, remedy }) => {
                PyKeyboardInterrupt::new_err(format!("interrupted while {doing}; {remedy}"))
            }
            Raised::Ours(error) => {
                Python::attach(|py| exception(py, &error).unwrap_or_else(|_| PyRuntimeError::new_err(error.to_string())))
            }
        }
    }
}

/// Name of the class.
fn class(error: &Error) -> &'static str {
    match error {
        Error::Io { .. } => "IoError",
        Error::Dataset { .. } => "DatasetError",
        Error::Column { .. } => "ColumnError",
        Error::Data { .. } => "DataError",
        Error::Config { .. } => "ConfigError",
        Error::State { .. } => "StateError",
        Error::Ranks { .. } => "RanksError",
        Error::Plugin(fault) => match fault.kind {
            FaultKind::Load => "PluginLoadError",
            FaultKind::Link => "PluginLinkError",
            FaultKind::Limit => "PluginLimitError",
            FaultKind::Trap => "PluginTrapError",
            FaultKind::Contract => "PluginContractError",
            FaultKind::Refused => "PluginRefusedError",
            FaultKind::State => "PluginStateError",
            _ => "PluginError",
        },
        Error::Internal { .. } => "InternalError",
        _ => "CurricleError",
    }
}

fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let facts = PyDict::new(py);
    facts.set_item("code", error.code())?;
    match error {
        Error::Io { path, cause, .. } => {
            // What this library itself did not find has no number of the system's; it is that of the like.
            let missing = (cause.kind() == ErrorKind::NotFound).then_some(ENOENT);
            facts.set_item("errno", cause.raw_os_error().or(missing))?;
            facts.set_item("filename", path)?;
        }
        Error::Plugin(fault) => {
            facts.set_item("plugin", &fault.plugin)?;
            facts.set_item("call", &fault.call)?;
            facts.set_item("step", fault.step)?;
            facts.set_item("deterministic", fault.deterministic)?;
            facts.set_item("log", &fault.log)?;
        }
        Error::Ranks { ranks, .. } => facts.set_item("ranks", ranks)?,
        _ => {}
    }
    let made = py.import("curricle.errors")?.getattr(class(error))?.call((error.to_string(),), Some(&facts))?;
    Ok(PyErr::from_value(made))
}
