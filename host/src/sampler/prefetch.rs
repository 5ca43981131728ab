//! Batches ahead of the trainer, on a thread of their own; bounded, and never in the state.

use std::{
    fmt,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
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

    /// The next batch. A panic is an error here: neither the trainer's thread nor the one that runs ahead unwinds.
    fn next(&mut self) -> Result<Option<Ready>> {
        Error::guard(|| "making a batch".to_owned(), || self.make())
    }

    fn make(&mut self) -> Result<Option<Ready>> {
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
    /// Made by a thread: ahead, or when asked for.
    Ahead(Ahead),
    /// Nothing more comes: the run is over, or failed with this.
    Over(Option<Error>),
}

impl fmt::Debug for Prefetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Prefetch::Inline(_) => "Inline",
            Prefetch::Ahead(_) => "Ahead",
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
        Prefetch::thread(worker, depth - 1, None)
    }

    /// A thread that makes batches; with `asks` no sooner than it is asked to.
    fn thread(worker: Worker, room: usize, asks: Option<(Sender<()>, Receiver<()>)>) -> Prefetch {
        let (sender, ready) = sync_channel(room);
        let (ask, asked) = asks.unzip();
        match thread::Builder::new().name("curricle-prefetch".into()).spawn(move || run_ahead(worker, &sender, asked.as_ref())) {
            Ok(thread) => Prefetch::Ahead(Ahead { ready: Some(ready), ask, is_asked: false, thread: Some(thread) }),
            Err(source) => Prefetch::Over(Some(Error::io("start a thread for", "prefetching")(source))),
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<Ready>> {
        loop {
            if let Some(ready) = self.wait(None)? {
                return Ok(ready);
            }
        }
    }

    /// Waits so long for the next batch, without limit if nothing is said; `None` if there is none by then. What was asked for is made
    /// meanwhile.
    pub(crate) fn wait(&mut self, patience: Option<Duration>) -> Result<Option<Option<Ready>>> {
        if patience.is_some() && matches!(self, Prefetch::Inline(_)) {
            // Only what another thread makes can be waited for.
            *self = match std::mem::replace(self, Prefetch::Over(None)) {
                Prefetch::Inline(worker) => Prefetch::thread(*worker, 0, Some(channel())),
                other => other,
            };
        }
        let next = match self {
            Prefetch::Inline(worker) => worker.next(),
            Prefetch::Ahead(ahead) => match ahead.wait(patience) {
                Some(next) => next,
                None => return Ok(None),
            },
            Prefetch::Over(failure) => failure.clone().map_or(Ok(None), Err),
        };
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => *self = Prefetch::Over(None),
            Err(error) => *self = Prefetch::Over(Some(error.clone())),
        }
        next.map(Some)
    }
}

/// The thread that runs ahead, and what it has ready.
pub(crate) struct Ahead {
    ready: Option<Receiver<Result<Ready>>>,
    /// Where the thread waits to be asked.
    ask: Option<Sender<()>>,
    /// Whether it was asked for a batch that did not come yet.
    is_asked: bool,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// What comes within this time.
    fn wait(&mut self, patience: Option<Duration>) -> Option<Result<Option<Ready>>> {
        if let Some(ask) = self.ask.as_ref().filter(|_| !self.is_asked) {
            // A thread that has ended says so below.
            let _ = ask.send(());
            self.is_asked = true;
        }
        let received = match (&self.ready, patience) {
            (None, _) => Err(RecvTimeoutError::Disconnected),
            (Some(ready), None) => ready.recv().map_err(|_| RecvTimeoutError::Disconnected),
            (Some(ready), Some(patience)) => ready.recv_timeout(patience),
        };
        match received {
            Ok(next) => {
                self.is_asked = false;
                Some(next.map(Some))
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(match self.stop() {
                Some(Err(panic)) => Err(Error::internal("prefetching", &*panic)),
                // The thread has ended without an error: the run is over.
                _ => Ok(None),
            }),
        }
    }

    /// Lets the thread finish the batch that it is at: it sees the closed channel then.
    fn stop(&mut self) -> Option<thread::Result<()>> {
        (self.ready, self.ask) = (None, None);
        self.thread.take().map(JoinHandle::join)
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // A panic in the thread has nobody left to hear it.
        let _ = self.stop();
    }
}

fn run_ahead(mut worker: Worker, sender: &SyncSender<Result<Ready>>, asked: Option<&Receiver<()>>) {
    // Nobody is there to ask any more once the channel is closed.
    while asked.is_none_or(|asked| asked.recv().is_ok()) {
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
