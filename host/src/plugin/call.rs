//! One call into a plugin: armed, made, and judged.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::Store;

use super::{
    bindings::types,
    engine::{Engine, Profile, ticks},
    limits::Limits,
    log::Log,
    meter::{Meter, Refused},
    report::{self, Called},
};
use crate::{Error, Fault, FaultKind, Result, escape::escape};

/// Bytes of a refusal that are kept.
const MAX_REFUSAL: usize = 4096;
/// Bytes of texts and lists that the host copies from a guest in one unit of fuel.
const COPIED: u64 = 8;

/// What the host keeps beside an instance: `world` is what its imports work on.
#[derive(Debug)]
pub(crate) struct Guest<W> {
    pub(crate) world: W,
    pub(crate) log: Log,
    meter: Meter,
    /// What the guest must not have done; told instead of the trap that it ended in.
    breach: Option<Breach>,
    /// Work that the host has yet to do for the guest in this call.
    work: u64,
    limits: Arc<Limits>,
}

/// Why a host function ended the call.
#[derive(Debug)]
enum Breach {
    Fault {
        kind: FaultKind,
        problem: String,
        remedy: String,
    },
    /// The host itself failed.
    Host(Error),
}

impl<W> Guest<W> {
    /// Ends the call: the guest did what its contract forbids.
    #[cold]
    pub(crate) fn breach<T>(&mut self, problem: impl Into<String>, remedy: impl Into<String>) -> wasmtime::Result<T> {
        self.stop(FaultKind::Contract, problem, remedy)
    }

    /// Ends the call: the host cannot go on.
    #[cold]
    pub(crate) fn fail<T>(&mut self, error: Error) -> wasmtime::Result<T> {
        self.breach = Some(Breach::Host(error));
        Err(wasmtime::Error::msg("the host failed"))
    }

    /// Counts work that the host does for the guest, in units of about one instruction, against the same limit as the guest's own: a call
    /// cannot keep the host busy for longer than itself.
    pub(crate) fn charge(&mut self, work: u64) -> wasmtime::Result<()> {
        match self.work.checked_sub(work) {
            Some(left) => {
                self.work = left;
                Ok(())
            }
            None => {
                let fuel = self.limits.fuel;
                let done = fuel.saturating_sub(self.work);
                let problem = format!("the host did work of {done} units for it and is asked for {work} more, its fuel is {fuel}");
                self.stop(FaultKind::Limit, problem, "ask once for many samples and keep the answers, or raise `limits.fuel`")
            }
        }
    }

    /// Counts as work what the guest handed over, which was copied before anybody could refuse it.
    pub(crate) fn charge_bytes(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.charge(bytes as u64 / COPIED)
    }

    #[cold]
    fn stop<T>(&mut self, kind: FaultKind, problem: impl Into<String>, remedy: impl Into<String>) -> wasmtime::Result<T> {
        self.breach = Some(Breach::Fault { kind, problem: problem.into(), remedy: remedy.into() });
        Err(wasmtime::Error::msg("the host ended the call"))
    }
}

/// What one call of a plugin took, and what its instance holds since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Fuel in wasmtime's units, about one an instruction: the same on every machine. 0 for metrics, which are not metered.
    pub fuel: u64,
    /// Time from the call to its answer, the host's work for the guest included. It differs from run to run.
    pub time: Duration,
    /// Bytes of memories and tables, at 8 bytes an element, that the instance holds, as they count against [`Limits::memory`]: the same on
    /// every machine, and never less than before.
    pub memory: u64,
}

/// An instance and everything that a call of it needs.
#[derive(Debug)]
pub(crate) struct Session<W: 'static> {
    store: Store<Guest<W>>,
    plugin: Arc<str>,
    limits: Arc<Limits>,
    profile: Profile,
    fuel_used: u64,
    time: Duration,
    /// Whether it brings an interpreter and has less than those take.
    cramped: bool,
    /// The call after which the instance cannot be trusted.
    ended: Option<&'static str>,
}

impl<W: Send + 'static> Session<W> {
    /// A store without an instance. `interpreted` is what the plugin's label says.
    pub(crate) fn new(engine: &Engine, plugin: &Arc<str>, limits: &Arc<Limits>, interpreted: bool, world: W) -> Session<W> {
        let guest = Guest {
            world,
            log: Log::new(plugin.clone(), limits),
            meter: Meter::new(limits),
            breach: None,
            work: 0,
            limits: limits.clone(),
        };
        let mut store = Store::new(&engine.wasm, guest);
        let cramped = interpreted && !limits.suit_interpreters();
        #[cfg(feature = "bare")]
        if engine.profile == Profile::Bare {
            store.data_mut().work = u64::MAX;
            let (plugin, limits) = (plugin.clone(), limits.clone());
            return Session { store, plugin, limits, profile: engine.profile, fuel_used: 0, time: Duration::ZERO, cramped, ended: None };
        }
        store.limiter(|guest| &mut guest.meter);
        store.set_max_component_handles(limits.handles as usize);
        let (plugin, limits) = (plugin.clone(), limits.clone());
        Session { store, plugin, limits, profile: engine.profile, fuel_used: 0, time: Duration::ZERO, cramped, ended: None }
    }

    pub(crate) fn world(&self) -> &W {
        &self.store.data().world
    }

    pub(crate) fn world_mut(&mut self) -> &mut W {
        &mut self.store.data_mut().world
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What the last call took.
    pub(crate) fn spent(&self) -> Spent {
        Spent { fuel: self.fuel_used, time: self.time, memory: self.store.data().meter.used() }
    }

    /// Makes one call. `asked` is the number of bytes that the guest may hand over at once because the host asked for them.
    ///
    /// # Errors
    /// [`Error::Plugin`], and [`Error::Internal`] if the host panics in an import; after which every further call is refused.
    pub(crate) fn call<R>(
        &mut self,
        name: &'static str,
        step: Option<u64>,
        asked: u64,
        call: impl FnOnce(&mut Store<Guest<W>>) -> wasmtime::Result<R>,
    ) -> Result<R> {
        if let Some(ended) = self.ended {
            let problem = format!("it cannot be called any more since `{ended}` failed");
            let remedy = "make another instance from the last saved state".to_owned();
            // What ended it may have been this machine's alone: nobody is to go on because somebody asks again.
            return Err(self.fault(name, step, FaultKind::Trap, problem, remedy, false));
        }
        #[cfg(feature = "bare")]
        if self.profile == Profile::Bare {
            return call(&mut self.store).map_err(|error| self.end(Called { name, asked, time: Default::default() }, step, &error));
        }
        let start = Instant::now();
        if let Err(error) = self.arm(asked) {
            return Err(self.end(Called { name, asked, time: start.elapsed() }, step, &error));
        }
        let _span = tracing::trace_span!("call", plugin = &*self.plugin, call = name, step).entered();
        let guest = self.store.data_mut();
        guest.log.begin(name, step);
        guest.work = self.limits.fuel;
        // A panic of the host in an import comes through here, past the guest's frames.
        let outcome = match catch_unwind(AssertUnwindSafe(|| call(&mut self.store))) {
            Ok(outcome) => outcome,
            Err(panic) => {
                self.ended = Some(name);
                let step = step.map(|step| format!(", step {step}")).unwrap_or_default();
                return Err(Error::internal(format_args!("plugin `{}`, {name}{step}", self.plugin), &*panic));
            }
        };
        self.time = start.elapsed();
        if self.profile == Profile::Decide {
            self.fuel_used = self.store.get_fuel().map_or(0, |left| self.limits.fuel.saturating_sub(left));
        }
        self.store.data().log.end();
        tracing::trace!(fuel = self.fuel_used, failed = outcome.is_err(), "called");
        outcome.map_err(|error| self.end(Called { name, asked, time: self.time }, step, &error))
    }

    /// Makes one call that may be refused.
    pub(crate) fn ask<R>(
        &mut self,
        name: &'static str,
        step: Option<u64>,
        asked: u64,
        call: impl FnOnce(&mut Store<Guest<W>>) -> wasmtime::Result<Result<R, types::Error>>,
    ) -> Result<R> {
        self.call(name, step, asked, call)?.map_err(|refusal| self.refused(refusal))
    }

    /// The fault of an answer that was refused in the last call.
    pub(crate) fn refused(&mut self, refusal: types::Error) -> Error {
        let (kind, text, remedy) = match refusal {
            types::Error::Config(text) => (FaultKind::Refused, text, "change the configuration of the plugin"),
            types::Error::Data(text) => (FaultKind::Refused, text, "change the configuration of the plugin, or give it the data it needs"),
            types::Error::State(text) => {
                (FaultKind::State, text, "resume with the plugin and the configuration that the state was saved under")
            }
            types::Error::Exhausted => {
                return self.contract("it has nothing left to give, which only `policy.fill` may say", report::AUTHOR);
            }
        };
        let text = if text.trim().is_empty() { "it refused without giving a reason".to_owned() } else { escape(text.trim(), MAX_REFUSAL) };
        self.judge(kind, text, remedy)
    }

    /// The fault of an answer in the last call that its contract forbids.
    pub(crate) fn contract(&mut self, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        self.judge(FaultKind::Contract, problem, remedy)
    }

    /// The fault of an answer in the last call that is larger than its limit.
    pub(crate) fn over_limit(&mut self, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        self.judge(FaultKind::Limit, problem, remedy)
    }

    fn judge(&mut self, kind: FaultKind, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        let (call, step) = (self.store.data().log.call, self.store.data().log.step);
        self.ended = Some(call);
        self.fault(call, step, kind, problem.into(), remedy.into(), true)
    }

    /// Everything is armed before every call and nothing is carried over: what a call may do does not depend on the ones before.
    fn arm(&mut self, asked: u64) -> wasmtime::Result<()> {
        if self.profile == Profile::Decide {
            self.store.set_fuel(self.limits.fuel)?;
        }
        self.store.set_epoch_deadline(ticks(self.limits.deadline));
        self.store.set_hostcall_fuel(usize::try_from(self.limits.answer.saturating_add(asked)).unwrap_or(usize::MAX));
        Ok(())
    }

    #[cold]
    fn end(&mut self, called: Called, step: Option<u64>, error: &wasmtime::Error) -> Error {
        self.ended = Some(called.name);
        let guest = self.store.data_mut();
        let mut deterministic = true;
        let (kind, problem, remedy) = match (guest.breach.take(), guest.meter.take_refused()) {
            (Some(Breach::Host(error)), _) => return error,
            (Some(Breach::Fault { kind, problem, remedy }), _) => (kind, problem, remedy),
            (None, Some(Refused { problem, by_limit })) => {
                deterministic = by_limit;
                (FaultKind::Limit, problem, "look for something that grows without end, or raise `limits.memory`".to_owned())
            }
            (None, None) => {
                deterministic = report::is_deterministic(error);
                report::classify(error, &called, &self.limits)
            }
        };
        self.fault(called.name, step, kind, problem, remedy, deterministic)
    }

    fn fault(
        &mut self,
        call: &'static str,
        step: Option<u64>,
        kind: FaultKind,
        problem: String,
        remedy: String,
        deterministic: bool,
    ) -> Error {
        let log = self.store.data_mut().log.take_last();
        let plugin = self.plugin.to_string();
        let remedy = if self.cramped && kind == FaultKind::Limit { report::for_interpreter(&remedy) } else { remedy };
        Error::from(Box::new(Fault { kind, plugin, call: call.to_owned(), step, problem, remedy, deterministic, log }))
    }
}
