//! Blocks go out to the workers in order, and what they find comes back in order.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::place::Place;
use crate::{Error, Result};

/// What takes in the findings, one at a time.
pub(super) trait Sink: Send {
    /// What a worker finds in a block.
    type Found: Send;

    /// Takes what was found in the next block; merges that fall due are added to `due`.
    fn take(&mut self, found: Self::Found, due: &mut Vec<Merge>) -> Result<()>;

    /// Takes the result of the merge that belongs at `place`.
    fn merged(&mut self, place: Place, result: Vec<u8>, due: &mut Vec<Merge>) {
        let _ = (place, result, due);
    }
}

/// Partial results to be merged by any worker.
#[derive(Debug)]
pub(super) struct Merge {
    pub(super) pass: u32,
    pub(super) group: Vec<Vec<u8>>,
    /// Where the result belongs in the tree.
    pub(super) place: Place,
}

/// A piece of work.
#[derive(Debug)]
pub(super) enum Task {
    Block(u64),
    Merge(Merge),
}

/// The line at which workers queue.
pub(super) struct Line<S: Sink> {
    state: Mutex<State<S>>,
    /// Workers wait here for something to do.
    work: Condvar,
    /// The caller waits here until nobody works.
    rest: Condvar,
    /// Blocks out at a time, so that what waits for its turn is bounded.
    window: u64,
}

struct State<S: Sink> {
    sink: S,
    next: u64,
    end: u64,
    /// Blocks that the sink has taken.
    delivered: u64,
    /// Findings that wait for those before them.
    early: BTreeMap<u64, S::Found>,
    due: VecDeque<Merge>,
    /// Tasks being worked on.
    active: usize,
    /// Workers at the line.
    workers: usize,
    paused: bool,
    stopped: bool,
    panicked: bool,
    /// The first error in the order of one thread, which is the one to tell: blocks taken before it, whether it is a block's, and itself.
    failed: Option<((u64, bool), Error)>,
}

impl<S: Sink> State<S> {
    fn fail(&mut self, at: (u64, bool), error: Error) {
        if self.failed.as_ref().is_none_or(|(first, _)| at < *first) {
            self.failed = Some((at, error));
        }
    }

    /// Whether no block will go out any more.
    fn is_over(&self) -> bool {
        self.stopped || self.failed.is_some() || self.next >= self.end
    }

    fn rests(&self) -> bool {
        (self.active == 0 && self.due.is_empty()) || self.workers == 0 || self.panicked
    }
}

/// How far a line is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Blocks taken, those before the line began included.
    pub(super) delivered: u64,
    /// Whether all workers have left.
    pub(super) over: bool,
}

impl<S: Sink> Line<S> {
    /// A line of blocks for a number of workers.
    pub(super) fn new(blocks: Range<u64>, workers: usize, sink: S) -> Line<S> {
        let state = State {
            sink,
            next: blocks.start,
            end: blocks.end,
            delivered: blocks.start,
            early: BTreeMap::new(),
            due: VecDeque::new(),
            active: 0,
            workers,
            paused: false,
            stopped: false,
            panicked: false,
            failed: None,
        };
        Line { state: Mutex::new(state), work: Condvar::new(), rest: Condvar::new(), window: 2 * workers as u64 }
    }

    /// Works until there is nothing left to do: reads blocks and merges with what one worker has at hand.
    pub(super) fn serve<W>(
        &self,
        worker: &mut W,
        read: impl Fn(&mut W, u64) -> Result<S::Found>,
        merge: impl Fn(&mut W, Merge) -> Result<Vec<u8>>,
    ) {
        let _leaving = Leaving(self);
        while let Some(task) = self.next() {
            match task {
                Task::Block(block) => {
                    let found = read(worker, block);
                    self.found(block, found);
                }
                Task::Merge(task) => {
                    let (at, place) = (task.at(), task.place);
                    let result = merge(worker, task);
                    self.merged(at, place, result);
                }
            }
        }
    }

    /// Waits until all workers have left, at most for `time`.
    pub(super) fn watch(&self, time: Duration) -> Seen {
        let (state, _) = self.rest.wait_timeout_while(self.lock(), time, |s| s.workers > 0).unwrap_or_else(PoisonError::into_inner);
        Seen { delivered: state.delivered, over: state.workers == 0 }
    }

    /// Lets no further block go out; what is out comes in.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.work.notify_all();
    }

    /// Looks at the sink at a moment when nothing is being worked on, and at the number of blocks that it has taken.
    pub(super) fn at_rest<T>(&self, look: impl FnOnce(&mut S, u64) -> T) -> T {
        self.lock().paused = true;
        let mut state = self.rest.wait_while(self.lock(), |s| !s.rests()).unwrap_or_else(PoisonError::into_inner);
        let delivered = state.delivered;
        let seen = look(&mut state.sink, delivered);
        state.paused = false;
        drop(state);
        self.work.notify_all();
        seen
    }

    /// The sink and the number of blocks that it has taken, after all workers have left.
    ///
    /// # Errors
    /// The first error in the order in which one thread would have met them.
    pub(super) fn finish(self) -> Result<(S, u64)> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.failed {
            Some((_, error)) => Err(error),
            None => Ok((state.sink, state.delivered)),
        }
    }

    fn next(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.panicked {
                return None;
            }
            if let Some(merge) = state.due.pop_front() {
                state.active += 1;
                return Some(Task::Merge(merge));
            }
            let is_over = state.is_over();
            if is_over && state.active == 0 {
                return None;
            }
            if !is_over && !state.paused && state.next - state.delivered < self.window {
                let block = state.next;
                state.next += 1;
                state.active += 1;
                return Some(Task::Block(block));
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn found(&self, block: u64, found: Result<S::Found>) {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.active -= 1;
        match found {
            Ok(found) => drop(state.early.insert(block, found)),
            Err(error) => state.fail((block, true), error),
        }
        let mut due = Vec::new();
        while let Some(found) = state.early.remove(&state.delivered) {
            if let Err(error) = state.sink.take(found, &mut due) {
                state.fail((state.delivered, true), error);
                break;
            }
            state.delivered += 1;
        }
        state.due.extend(due);
        self.changed(guard);
    }

    fn merged(&self, at: u64, place: Place, result: Result<Vec<u8>>) {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.active -= 1;
        let mut due = Vec::new();
        match result {
            Ok(result) => state.sink.merged(place, result, &mut due),
            Err(error) => state.fail((at, false), error),
        }
        state.due.extend(due);
        self.changed(guard);
    }

    fn changed(&self, state: MutexGuard<'_, State<S>>) {
        let rests = state.rests();
        drop(state);
        self.work.notify_all();
        if rests {
            self.rest.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a worker out, however it goes: nobody waits for one that panicked.
struct Leaving<'a, S: Sink>(&'a Line<S>);

impl<S: Sink> Drop for Leaving<'_, S> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.workers -= 1;
        state.panicked |= thread::panicking();
        drop(state);
        self.0.work.notify_all();
        self.0.rest.notify_all();
    }
}
