//! What a call does while native code works: the interpreter runs on, Ctrl-C is heard, and a forked process is told that it is one.

use std::{
    process,
    time::{Duration, Instant},
};

use pyo3::{exceptions::PyRuntimeError, prelude::*};

/// Time between two looks at signals: a fifth of what a person takes for at once.
pub(crate) const PULSE: Duration = Duration::from_millis(20);

/// The process that made an object whose threads no fork takes along.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home(u32);

impl Home {
    pub(crate) fn here() -> Home {
        Home(process::id())
    }

    /// Refuses to go on in another process.
    pub(crate) fn check(self, what: &str) -> PyResult<()> {
        if self.0 == process::id() {
            return Ok(());
        }
        let message = format!(
            "this {what} was in use in process {} before process {} was forked from it, and its threads are not here; make it in the process \
             that uses it, or start that with `spawn`",
            self.0,
            process::id()
        );
        Err(Python::attach(|py| {
            let class = py.import("curricle.errors").and_then(|errors| errors.getattr("ForkError"));
            class.and_then(|class| class.call1((&message,))).map_or_else(|_| PyRuntimeError::new_err(message.clone()), PyErr::from_value)
        }))
    }
}

/// Hears signals while a long call goes on, and keeps what a handler raised.
#[derive(Debug, Default)]
pub(crate) struct Ears {
    last: Option<Instant>,
    heard: Option<PyErr>,
}

impl Ears {
    /// Whether to stop, because a signal's handler raised an exception. Asks the interpreter no more often than every [`PULSE`].
    pub(crate) fn interrupted(&mut self) -> bool {
        if self.heard.is_none() && self.last.is_none_or(|last| last.elapsed() >= PULSE) {
            self.heard = Python::attach(|py| py.check_signals()).err();
            self.last = Some(Instant::now());
        }
        self.heard.is_some()
    }

    /// Keeps an exception, as that of a callback, which stops the call as well.
    pub(crate) fn keep(&mut self, error: PyErr) {
        self.heard.get_or_insert(error);
    }

    /// The exception that stopped the call.
    pub(crate) fn heard(&mut self) -> Option<PyErr> {
        self.heard.take()
    }
}
