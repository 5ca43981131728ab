//! The steps of a simulation. Who asks for a report has the samples counted on another thread, which keeps up with the planner.

use std::{
    path::Path,
    sync::mpsc::{self, Receiver, SyncSender},
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use curricle::{Planned, Planner, Run, batch::Plan};

use super::report::{Recorder, Recording, Watcher};
use crate::terminal;

/// Plans that may wait to be counted.
const AHEAD: usize = 8;

/// What a simulation came to.
pub(super) struct Done {
    pub(super) seconds: f64,
    /// For a report, if one was asked for.
    pub(super) recording: Option<Recording>,
}

/// Plans up to `steps` steps and shows each to `each`. With `report`, the path of the run file, what a report tells is kept.
///
/// # Errors
/// The first of the planner, of `each`, or of looking up what was planned.
pub(super) fn plan(
    run: &Run,
    planner: &mut Planner,
    steps: u64,
    report: Option<&Path>,
    each: &mut dyn FnMut(&Planner, &Planned) -> Result<()>,
) -> Result<Done> {
    let Some(path) = report else {
        let seconds = go(planner, steps, |planner, planned, _| {
            each(planner, &planned)?;
            Ok(Some(planned.plan))
        })?;
        return Ok(Done { seconds, recording: None });
    };
    let (mut recorder, watcher) = Recorder::start(run, planner, steps)?;
    thread::scope(|scope| {
        let counting = Counting::start(scope, watcher);
        let seconds = go(planner, steps, |planner, planned, time| {
            each(planner, &planned)?;
            recorder.add(planner, &planned, time);
            counting.count(planned)
        });
        // Why counting ended says more than that it did.
        let watcher = counting.finish()?;
        let seconds = seconds?;
        Ok(Done { seconds, recording: Some(recorder.finish(watcher, path, run, &planner.state(), seconds)) })
    })
}

/// Plans step after step, and gives the seconds that it took. `take` gives back a plan whose memory may be used again, if it has one.
fn go(planner: &mut Planner, steps: u64, mut take: impl FnMut(&Planner, Planned, Duration) -> Result<Option<Plan>>) -> Result<f64> {
    let bar = terminal::progress(steps, "steps", "planning");
    let started = Instant::now();
    let mut spare = None;
    for _ in 0..steps {
        if terminal::interrupted() {
            break;
        }
        let begun = Instant::now();
        let planned = match spare.take() {
            Some(plan) => planner.plan_into(plan)?,
            None => planner.plan()?,
        };
        let Some(planned) = planned else { break };
        spare = take(planner, planned, begun.elapsed())?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(started.elapsed().as_secs_f64())
}

/// The thread that counts what plans hold.
struct Counting<'s> {
    plans: SyncSender<(u64, Plan)>,
    spares: Receiver<Plan>,
    thread: ScopedJoinHandle<'s, curricle::Result<Watcher>>,
}

impl<'s> Counting<'s> {
    fn start(scope: &'s thread::Scope<'s, '_>, mut watcher: Watcher) -> Counting<'s> {
        let (plans, planned) = mpsc::sync_channel::<(u64, Plan)>(AHEAD);
        let (back, spares) = mpsc::channel();
        let thread = scope.spawn(move || {
            for (step, plan) in planned {
                watcher.add(&plan, step)?;
                // The planner may be done by now.
                let _ = back.send(plan);
            }
            Ok(watcher)
        });
        Counting { plans, spares, thread }
    }

    /// Hands over a plan, and takes one back that was counted. A thread that has ended says why in [`finish`](Counting::finish).
    fn count(&self, planned: Planned) -> Result<Option<Plan>> {
        self.plans.send((planned.step, planned.plan)).ok().context("counting the samples ended")?;
        Ok(self.spares.try_recv().ok())
    }

    fn finish(self) -> Result<Watcher> {
        drop(self.plans);
        let counted = self.thread.join().ok().context("counting the samples ended in a panic; its message is above")?;
        Ok(counted?)
    }
}
