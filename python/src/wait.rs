//! What a call does while native code works: the interpreter runs on, Ctrl-C is heard, and a forked process is told that it is one.

use std::{
    process,
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

use pyo3::{exceptions::PyRuntimeError, prelude::*};

use crate::error::Result;

/// Time between two looks at signals: a fifth of what a person takes for at once.
pub(crate) const PULSE: Duration = Duration::from_millis(20);

/// The process that made an object whose threads no fork takes along.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home(u32);

impl Home {
    pub(crate) fn here() -> Home {
        Home(process::id())
    }

    /// Whether this is the process.
    pub(crate) fn is_here(self) -> bool {
        self.0 == process::id()
    }

    /// Refuses to go on in another process.
    pub(crate) fn check(self, what: &str) -> PyResult<()> {
        if self.is_here() {
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

/// Does some work on a thread of its own while this one hears signals: an exception of a signal's handler, such as that of Ctrl-C, is raised within a
/// [`PULSE`], whatever the work is at. That goes on by itself then, at most until a plugin's deadline, and nobody hears of its end.
pub(crate) fn interruptible<T: Send + 'static>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (sender, mut done) = sync_channel(1);
    let spawned = thread::Builder::new().name("curricle-call".to_owned()).spawn(move || {
        // Who asked may be gone.
        let _ = sender.send(work());
    });
    spawned.map_err(PyErr::from)?;
    loop {
        match receive(py, &mut done, PULSE) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => return Err(panicked().into()),
        }
    }
}

/// Waits for what another thread has to say while the interpreter runs on.
pub(crate) fn receive<T: Send>(py: Python<'_>, from: &mut Receiver<T>, patience: Duration) -> std::result::Result<T, RecvTimeoutError> {
    py.detach(move || from.recv_timeout(patience))
}

/// What is raised where a thread ended in a panic, whose words are on standard error.
pub(crate) fn panicked() -> PyErr {
    PyRuntimeError::new_err("native code panicked; this is a defect of Curricle: report it with what stands above")
}
