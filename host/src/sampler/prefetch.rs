//! Batches ahead of the trainer, on a thread of their own; bounded, and never in the state.

use std::{
    fmt,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use super::{planner::Planner, state::Progress};
use crate::{
    Error, Result,
    batch::{Assembler, Batch, Plan},
};

type Ready = (Batch, Arc<Progress>);

/// Plans and assembles one batch after another.
#[derive(Debug)]
pub(crate) struct Worker {
    planner: Planner,
    assembler: Assembler,
    value_names: Arc<[String]>,
    spare: Option<Plan>,
}

impl Worker {
    pub(crate) fn new(planner: Planner, assembler: Assembler, value_names: Arc<[String]>) -> Worker {
        Worker { planner, assembler, value_names, spare: None }
    }

    fn next(&mut self) -> Result<Option<Ready>> {
        let plan = self.spare.take();
        let planned = match plan {
            Some(plan) => self.planner.plan_into(plan)?,
            None => self.planner.plan()?,
        };
        let Some(planned) = planned else { return Ok(None) };
        let span = tracing::debug_span!("assemble", step = planned.step, dp_rank = self.assembler.shape.dp_rank());
        let micro_batches = span.in_scope(|| self.assembler.assemble(&planned.plan))?;
        let batch = Batch {
            step: planned.step,
            digest: planned.digest,
            annotations: planned.plan.annotations().to_vec(),
            value_names: self.value_names.clone(),
            micro_batches,
        };
        self.spare = Some(planned.plan);
        Ok(Some((batch, planned.progress)))
    }
}

/// Where the next batch comes from.
pub(crate) enum Prefetch {
    /// Made when asked for.
    Inline(Box<Worker>),
    /// Made ahead by a thread.
    Ahead { ready: Receiver<Result<Ready>>, thread: JoinHandle<()> },
    /// Nothing more comes: the run is over, or failed with this.
    Over(Option<Failure>),
}

/// An error that can be given more than once.
#[derive(Debug)]
pub(crate) struct Failure(Error);

impl fmt::Debug for Prefetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Prefetch::Inline(_) => "Inline",
            Prefetch::Ahead { .. } => "Ahead",
            Prefetch::Over(_) => "Over",
        })
    }
}

impl Prefetch {
    pub(crate) fn start(worker: Worker, depth: usize) -> Prefetch {
        if depth == 0 {
            return Prefetch::Inline(Box::new(worker));
        }
        // One batch waits in the thread's hands while the channel is full.
        let (sender, ready) = sync_channel(depth - 1);
        match thread::Builder::new().name("curricle-prefetch".into()).spawn(move || run_ahead(worker, &sender)) {
            Ok(thread) => Prefetch::Ahead { ready, thread },
            Err(source) => Prefetch::Over(Some(Failure(Error::Io { action: "start a thread for", path: "prefetching".into(), source }))),
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<Ready>> {
        let next = match self {
            Prefetch::Inline(worker) => worker.next(),
            Prefetch::Ahead { ready, .. } => ready.recv().unwrap_or(Ok(None)),
            Prefetch::Over(failure) => return failure.as_ref().map_or(Ok(None), |f| Err(f.again())),
        };
        match next {
            Ok(Some(ready)) => Ok(Some(ready)),
            Ok(None) => {
                self.end(None);
                Ok(None)
            }
            Err(error) => {
                let failure = Failure(error);
                let again = failure.again();
                self.end(Some(failure));
                Err(again)
            }
        }
    }

    fn end(&mut self, failure: Option<Failure>) {
        if let Prefetch::Ahead { ready, thread } = std::mem::replace(self, Prefetch::Over(failure)) {
            drop(ready);
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        if let Prefetch::Ahead { ready, thread } = std::mem::replace(self, Prefetch::Over(None)) {
            // The thread sees the closed channel when it has finished its batch; a panic in it has nobody left to hear.
            drop(ready);
            let _ = thread.join();
        }
    }
}

fn run_ahead(mut worker: Worker, sender: &SyncSender<Result<Ready>>) {
    loop {
        match worker.next() {
            Ok(Some(ready)) => {
                if sender.send(Ok(ready)).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                let _ = sender.send(Err(error));
                return;
            }
        }
    }
}

impl Failure {
    fn again(&self) -> Error {
        match &self.0 {
            Error::Io { action, path, source } => {
                Error::Io { action, path: path.clone(), source: std::io::Error::new(source.kind(), source.to_string()) }
            }
            Error::Dataset { path, problem, remedy } => Error::dataset(path, problem, remedy),
            Error::Column { column, problem, remedy } => Error::column(column, problem, remedy),
            Error::Data { problem, remedy } => Error::data(problem, remedy),
            Error::Config { place, problem, remedy } => Error::config(place, problem, remedy),
            Error::Plugin(fault) => Error::Plugin(fault.clone()),
            Error::State { place, problem, remedy } => Error::state(place, problem, remedy),
            Error::Interrupted { doing, remedy } => Error::Interrupted { doing: doing.clone(), remedy: remedy.clone() },
        }
    }
}
