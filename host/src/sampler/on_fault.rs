//! What becomes of a run when a plugin fails? It ends, or the plugin is started again, as often as the run file allows.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    config::RunConfig,
    plugin_config::{OnFault, PluginConfig},
};
use crate::{Error, Fault, Result};

/// Restarts that a run file may ask for.
const MOST: u32 = 1000;

/// Refuses keys that do not fit together, of the plugin at `place` of the run file.
pub(super) fn check(config: &RunConfig, plugin: &PluginConfig, place: &str) -> Result<()> {
    let bad = |key: &str, problem: String, remedy: &str| Err(Error::config(config.place(&format!("{place}.{key}")), problem, remedy));
    if plugin.on_fault == OnFault::FallBack && place != "policy" {
        return bad(
            "on-fault",
            "only a policy can fall back: `uniform` decides in its place, but no length or row is right for every run".to_owned(),
            "choose \"stop\" or \"restart\"; what fails while a policy asks for it is a fault of that policy, whose `on-fault` then holds",
        );
    }
    match plugin.restarts {
        Some(_) if plugin.on_fault != OnFault::Restart => {
            bad("restarts", "`restarts` without `on-fault = \"restart\"`".to_owned(), "add it, or leave `restarts` out")
        }
        Some(n) if n == 0 || n > MOST => bad("restarts", format!("{n} restarts"), "give 1 to 1000, or `on-fault = \"stop\"` for none"),
        _ => Ok(()),
    }
}

/// The fault behind an error, if every rank comes to it at the same call: only such a one leaves a choice.
pub(super) fn verdict(error: &Error) -> Option<&Fault> {
    match error {
        Error::Plugin(fault) if fault.deterministic => Some(fault),
        _ => None,
    }
}

/// Restarts in a run so far, by the place of the plugin in the run file. All that share it count in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restarts(Arc<Mutex<BTreeMap<String, u32>>>);

impl Restarts {
    pub(crate) fn new(counts: BTreeMap<String, u32>) -> Restarts {
        Restarts(Arc::new(Mutex::new(counts)))
    }

    /// How many there were.
    pub(crate) fn counts(&self) -> BTreeMap<String, u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts one more, unless there were `most`.
    fn take(&self, place: &str, most: u32) -> Option<u32> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used = counts.get(place).copied().unwrap_or(0);
        if used >= most {
            return None;
        }
        counts.insert(place.to_owned(), used + 1);
        Some(used + 1)
    }
}

/// Stands beside a running plugin and starts it again when it fails.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    place: Arc<str>,
    most: u32,
    restarts: Restarts,
}

impl Guard {
    /// For the plugin at `place` of the run file.
    pub(crate) fn new(plugin: &PluginConfig, place: &str) -> Guard {
        Guard { place: place.into(), most: plugin.most_restarts(), restarts: Restarts::default() }
    }

    /// For what is never started again.
    pub(crate) fn idle(place: &str) -> Guard {
        Guard { place: place.into(), most: 0, restarts: Restarts::default() }
    }

    /// The same, counting together with all that share `restarts`.
    pub(crate) fn counting(&self, restarts: &Restarts) -> Guard {
        Guard { restarts: restarts.clone(), ..self.clone() }
    }

    /// Asks a running plugin. If it fails, `start` makes another, which is asked the same, until one answers or may not be started again.
    pub(crate) fn ask<P, R>(
        &self,
        running: &mut P,
        mut start: impl FnMut() -> Result<P>,
        mut ask: impl FnMut(&mut P) -> Result<R>,
    ) -> Result<R> {
        let mut answer = ask(running);
        while let Err(error) = answer {
            self.leave(error)?;
            // One that cannot be started is one that failed.
            answer = start().and_then(|started| {
                *running = started;
                ask(running)
            });
        }
        answer
    }

    /// Gives leave to go on after an error, or gives it back.
    fn leave(&self, error: Error) -> Result<()> {
        let Some(fault) = verdict(&error) else { return Err(error) };
        if let Some(restart) = self.restarts.take(&self.place, self.most) {
            tracing::warn!(place = %self.place, restart, of = self.most, %fault, "a plugin failed and is started again");
            return Ok(());
        }
        match error {
            Error::Plugin(mut fault) if self.most > 0 => {
                fault.problem = format!("{}, after {} restarts in this run", fault.problem, self.most);
                fault.remedy = format!("{}, or raise `{}.restarts`", fault.remedy, self.place);
                Err(Error::Plugin(fault))
            }
            other => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FaultKind;

    fn fault(deterministic: bool) -> Error {
        Error::from(Box::new(Fault {
            kind: FaultKind::Trap,
            plugin: "p".into(),
            call: "policy.fill".into(),
            step: Some(4),
            problem: "it panicked".into(),
            remedy: "mend it".into(),
            deterministic,
            log: Vec::new(),
        }))
    }

    fn guard(most: u32, restarts: &Restarts) -> Guard {
        Guard { place: "policy".into(), most, restarts: restarts.clone() }
    }

    /// A plugin that answers if it was started often enough.
    fn ask(guard: &Guard, failures: u32, deterministic: bool) -> Result<u32> {
        let mut started = 0;
        guard.ask(
            &mut 0,
            || {
                started += 1;
                Ok(started)
            },
            |running| if *running < failures { Err(fault(deterministic)) } else { Ok(*running) },
        )
    }

    #[test]
    fn restarts_are_counted_over_the_whole_run_until_they_are_used_up() {
        let restarts = Restarts::default();
        let guard = guard(3, &restarts);
        assert_eq!(ask(&guard, 0, true).unwrap(), 0);
        assert_eq!(ask(&guard, 2, true).unwrap(), 2);
        assert_eq!(restarts.counts(), BTreeMap::from([("policy".to_owned(), 2)]));
        assert_eq!(
            ask(&guard, 2, true).unwrap_err().to_string(),
            "plugin `p`, policy.fill, step 4: it panicked, after 3 restarts in this run; mend it, or raise `policy.restarts`"
        );
    }

    #[test]
    fn what_other_ranks_may_not_come_to_is_no_reason_to_restart() {
        let restarts = Restarts::default();
        assert_eq!(ask(&guard(3, &restarts), 1, false).unwrap_err().to_string(), fault(false).to_string());
        let system = |_: &mut u32| -> Result<()> { Err(Error::data("the disk is gone", "find it")) };
        guard(3, &restarts).ask(&mut 0, || Ok(0), system).unwrap_err();
        assert!(restarts.counts().is_empty());
    }

    #[test]
    fn one_that_cannot_be_started_counts_as_one_that_failed() {
        let restarts = Restarts::default();
        let error = guard(5, &restarts).ask(&mut 0, || Err(fault(true)), |_: &mut u32| -> Result<()> { Err(fault(true)) }).unwrap_err();
        assert!(error.to_string().contains("after 5 restarts"), "{error}");
        assert_eq!(
            guard(0, &restarts).ask(&mut 0, || Ok(0), |_| -> Result<()> { Err(fault(true)) }).unwrap_err().to_string(),
            fault(true).to_string()
        );
    }
}
