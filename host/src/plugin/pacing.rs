//! Pacing functions: how hard the data may be at a step.

use std::path::Path;

use serde_json::Value;
use wasmtime::{
    Store,
    component::{Instance, Linker},
};

use super::{
    bindings::{pacing, types},
    call::{Guest, Session, Spent},
    engine::Profile,
    limits::Limits,
    outline::Kind,
    report,
    world::{Description, Loaded, World, link_logging},
};
use crate::Result;

/// The host's side of world `pacing-plugin`.
#[derive(Debug)]
pub(crate) struct PacingWorld;

impl World for PacingWorld {
    type Exports = pacing::Guest;
    const PROFILE: Profile = Profile::Decide;
    const DESCRIBE: &'static str = "pacing.describe";
    const WANTED: &'static str = "a pacing function";

    fn accepts(kind: Kind) -> bool {
        kind == Kind::Pacing
    }

    fn link(linker: &mut Linker<Guest<Self>>) -> wasmtime::Result<()> {
        link_logging(linker)
    }

    fn exports(store: &mut Store<Guest<Self>>, instance: &Instance) -> wasmtime::Result<pacing::Guest> {
        pacing::GuestIndices::new(&instance.instance_pre(&*store))?.load(store, instance)
    }

    fn describe(exports: &pacing::Guest, store: &mut Store<Guest<Self>>) -> wasmtime::Result<types::Description> {
        exports.call_describe(store)
    }

    fn nowhere() -> PacingWorld {
        PacingWorld
    }
}

/// A pacing function's component, compiled and checked.
#[derive(Debug)]
pub struct PacingPlugin {
    loaded: Loaded<PacingWorld>,
}

impl PacingPlugin {
    /// Loads the pacing function in the file at `path`, as [`PolicyPlugin::load`](super::PolicyPlugin::load) does a policy.
    ///
    /// # Errors
    /// As there.
    pub fn load(name: &str, path: &Path, config: &Value, limits: &Limits) -> Result<PacingPlugin> {
        Loaded::load(name, path, config, limits).map(|loaded| PacingPlugin { loaded })
    }

    /// What it says of itself.
    pub fn description(&self) -> &Description {
        self.loaded.description()
    }

    /// Digest of its file.
    pub fn sha256(&self) -> [u8; 32] {
        self.loaded.sha256()
    }

    /// Makes a configured instance.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if it refuses its configuration or fails.
    pub fn instantiate(&self) -> Result<Pacing> {
        let (mut session, exports) = self.loaded.instantiate(PacingWorld)?;
        let config = self.loaded.config();
        session.ask("pacing.configure", None, 0, |store| exports.call_configure(store, config))?;
        Ok(Pacing { session, exports })
    }
}

/// A running pacing function. After an error it refuses every further call.
pub struct Pacing {
    session: Session<PacingWorld>,
    exports: pacing::Guest,
}

impl std::fmt::Debug for Pacing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pacing").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Pacing {
    /// Difficulty at a step, counted from 0, in the unit of the metric that it paces; finite.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if it fails, or answers NaN or an infinity.
    pub fn difficulty(&mut self, step: u64) -> Result<f64> {
        let exports = &self.exports;
        let difficulty = self.session.call("pacing.difficulty", Some(step), 0, |store| exports.call_difficulty(store, step))?;
        if difficulty.is_finite() {
            return Ok(difficulty);
        }
        Err(self.session.contract(format!("it answered {difficulty}, a difficulty is finite"), report::AUTHOR))
    }

    /// What the last call took.
    pub fn spent(&self) -> Spent {
        self.session.spent()
    }
}
