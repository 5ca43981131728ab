//! Policies: what each global batch holds.

use std::{mem, path::Path, sync::Arc};

use serde_json::Value;
use wasmtime::{
    Store,
    component::{HasSelf, Instance, Linker},
};

use super::{
    bindings::{dataset, logging, pacings, plan, policy, snapshot, streams, types},
    call::{Guest, Session, Spent},
    engine::Profile,
    limits::{Limits, show_bytes},
    outline::Kind,
    policy_imports::{Pacings, Phase, PolicyWorld},
    world::{Description, Loaded, World},
};
use crate::{
    Error, Result,
    batch::{Plan, Refusal},
    columns::Columns,
    streams::Streams,
};

/// Bytes that a policy may hand over at once whatever the batch size: the ids of one `dataset.values`.
const ASKED: u64 = 8 << 20;

/// The interface whose export makes a policy stateful.
const SNAPSHOT: &str = "curricle:plugin/snapshot@0.1.0";

/// Exports of a policy.
pub(crate) struct Exports {
    policy: policy::Guest,
    /// Of a stateful one.
    snapshot: Option<snapshot::Guest>,
}

impl World for PolicyWorld {
    type Exports = Exports;
    const PROFILE: Profile = Profile::Decide;
    const DESCRIBE: &'static str = "policy.describe";
    const WANTED: &'static str = "a policy";

    fn accepts(kind: Kind) -> bool {
        matches!(kind, Kind::Policy | Kind::StatefulPolicy)
    }

    fn link(linker: &mut Linker<Guest<Self>>) -> wasmtime::Result<()> {
        type This = HasSelf<Guest<PolicyWorld>>;
        types::add_to_linker::<_, This>(linker, |guest| guest)?;
        logging::add_to_linker::<_, This>(linker, |guest| guest)?;
        dataset::add_to_linker::<_, This>(linker, |guest| guest)?;
        streams::add_to_linker::<_, This>(linker, |guest| guest)?;
        plan::add_to_linker::<_, This>(linker, |guest| guest)?;
        pacings::add_to_linker::<_, This>(linker, |guest| guest)
    }

    fn exports(store: &mut Store<Guest<Self>>, instance: &Instance) -> wasmtime::Result<Exports> {
        let pre = instance.instance_pre(&*store);
        let policy = policy::GuestIndices::new(&pre)?.load(&mut *store, instance)?;
        let snapshot = match snapshot::GuestIndices::new(&pre) {
            Ok(indices) => Some(indices.load(&mut *store, instance)?),
            // Taken for one without memory, a policy with half of the interface would lose its own on a resume.
            Err(error) if pre.component().get_export_index(None, SNAPSHOT).is_some() => return Err(error),
            Err(_) => None,
        };
        Ok(Exports { policy, snapshot })
    }

    fn describe(exports: &Exports, store: &mut Store<Guest<Self>>) -> wasmtime::Result<types::Description> {
        exports.policy.call_describe(store)
    }

    fn nowhere() -> PolicyWorld {
        let columns = Arc::new(Columns::new(1));
        PolicyWorld {
            streams: Streams::new(columns.clone(), 0),
            columns,
            pacings: Box::new(|_, _| None),
            plan: Plan::default(),
            phase: Phase::Describe,
        }
    }
}

/// A policy's component, compiled and checked, from which [`Policy`]s are started.
#[derive(Debug)]
pub struct PolicyPlugin {
    loaded: Loaded<PolicyWorld>,
}

/// What a policy decides about.
pub struct Context {
    /// The columns that it may look at.
    pub columns: Arc<Columns>,
    /// Streams over the same columns, with the seed of the run; on a resume [restored](Streams::restore).
    pub streams: Streams,
    /// The pacing functions of the run file.
    pub pacings: Pacings,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

impl PolicyPlugin {
    /// Loads the policy in the file at `path`. `name` is what messages call it: the name or path that the user gave. A `config` of null is
    /// an empty one.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Config`] naming the key if the plugin's schema refuses the configuration,
    /// [`Error::Plugin`] if the file is no policy that this host can run, or it fails to describe itself.
    pub fn load(name: &str, path: &Path, config: &Value, limits: &Limits) -> Result<PolicyPlugin> {
        Loaded::load(name, path, config, limits).map(|loaded| PolicyPlugin { loaded })
    }

    /// As [`load`](PolicyPlugin::load), but nothing holds the plugin to any limit: what the sandbox is measured against.
    ///
    /// # Errors
    /// As `load`.
    #[cfg(feature = "bare")]
    #[doc(hidden)]
    pub fn load_bare(name: &str, path: &Path, config: &Value, limits: &Limits) -> Result<PolicyPlugin> {
        Loaded::load_as(Profile::Bare, name, path, config, limits).map(|loaded| PolicyPlugin { loaded })
    }

    /// What it says of itself.
    pub fn description(&self) -> &Description {
        self.loaded.description()
    }

    /// Digest of its file.
    pub fn sha256(&self) -> [u8; 32] {
        self.loaded.sha256()
    }

    /// Whether it remembers things between steps, so that [`Policy::save`] has something to answer.
    pub fn is_stateful(&self) -> bool {
        self.loaded.kind() == Kind::StatefulPolicy
    }

    /// Makes a configured instance; on a resume with what [`Policy::save`] answered, empty for a policy that is not stateful.
    ///
    /// # Errors
    /// [`Error::Plugin`] if it refuses its configuration, the data or the state, or fails; [`Error::State`] if there is a state that it
    /// cannot take.
    pub fn start(&self, context: Context, restore: Option<&[u8]>) -> Result<Policy> {
        let Context { columns, mut streams, pacings } = context;
        streams.set_max_memory(self.loaded.limits().memory);
        let world = PolicyWorld { columns, streams, pacings, phase: Phase::Prepare, ..PolicyWorld::nowhere() };
        let (mut session, exports) = self.loaded.instantiate(world)?;
        let config = self.loaded.config();
        session.ask("policy.configure", None, ASKED, |store| exports.policy.call_configure(store, config))?;
        match (&exports.snapshot, restore) {
            (Some(snapshot), Some(state)) => session.ask("snapshot.restore", None, ASKED, |store| snapshot.call_restore(store, state))?,
            (None, Some(state)) if !state.is_empty() => {
                return Err(Error::state(
                    "in memory",
                    format!("it holds {} bytes of the policy, but `{}` keeps none", state.len(), self.description().name),
                    "resume with the policy that the state was saved with",
                ));
            }
            _ => {}
        }
        session.world_mut().phase = Phase::Idle;
        Ok(Policy { session, exports })
    }
}

/// Where training stands: everything counts what the trainer was given, from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Number of the global batch, from 0.
    pub index: u64,
    /// Samples in the global batches before this one.
    pub consumed_samples: u64,
    /// Tokens in them, after truncation and without padding; none if they are not counted.
    pub consumed_tokens: Option<u64>,
}

/// What a policy answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// A whole batch.
    Batch,
    /// It has nothing left to give: training ends, and the plan is empty.
    Exhausted,
}

/// A running policy. After an error it refuses every further call: start another from the last saved state.
pub struct Policy {
    session: Session<PolicyWorld>,
    exports: Exports,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Policy {
    /// Has the policy fill a plan that was just [reset](Plan::reset). The batch then has exactly its size; it is not
    /// [finished](Plan::finish).
    ///
    /// # Errors
    /// [`Error::Plugin`] if the policy refuses, fails, or fills the plan otherwise than its contract allows. Streams may then have moved.
    pub fn fill(&mut self, step: Step, plan: &mut Plan) -> Result<Filled> {
        let asked = ASKED.saturating_add(u64::from(plan.size()) * 16);
        let argument = policy::Step { index: step.index, consumed_samples: step.consumed_samples, consumed_tokens: step.consumed_tokens };
        let world = self.session.world_mut();
        mem::swap(&mut world.plan, plan);
        world.phase = Phase::Fill;
        let exports = &self.exports.policy;
        let answer = self.session.call("policy.fill", Some(step.index), asked, |store| exports.call_fill(store, argument));
        let world = self.session.world_mut();
        world.phase = Phase::Idle;
        mem::swap(&mut world.plan, plan);
        match answer? {
            Ok(()) => match plan.check_complete() {
                Ok(()) => Ok(Filled::Batch),
                Err(Refusal::Breach { problem, remedy }) => Err(self.session.contract(problem, remedy)),
                Err(Refusal::Answer(text)) => Err(self.session.contract(text, super::report::AUTHOR)),
            },
            Err(types::Error::Exhausted) => {
                plan.reset(plan.size());
                Ok(Filled::Exhausted)
            }
            Err(refusal) => Err(self.session.refused(refusal)),
        }
    }

    /// What the policy remembers beyond the positions of its streams; empty for one that is not stateful. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Plugin`] if it fails, or answers more than [`Limits::state`].
    pub fn save(&mut self) -> Result<Vec<u8>> {
        let Some(snapshot) = &self.exports.snapshot else { return Ok(Vec::new()) };
        self.session.world_mut().phase = Phase::Save;
        let limit = self.session.limits().state;
        let state = self.session.call("snapshot.save", None, limit, |store| snapshot.call_save(store));
        self.session.world_mut().phase = Phase::Idle;
        let state = state?;
        if state.len() as u64 > limit {
            let problem = format!("its state has {} bytes, at most {} are kept", state.len(), show_bytes(limit));
            return Err(self.session.over_limit(problem, "let it remember less, or raise `limits.state`"));
        }
        Ok(state)
    }

    /// Its streams, as they stand after the last call.
    pub fn streams(&self) -> &Streams {
        &self.session.world().streams
    }

    /// What the last call took.
    pub fn spent(&self) -> Spent {
        self.session.spent()
    }
}
