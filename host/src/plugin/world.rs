//! From a file to a plugin that is known to work: compiled, linked, described, its configuration checked.

use std::{path::Path, sync::Arc, time::SystemTime};

use serde_json::Value;
use wasmtime::{
    Store,
    component::{HasSelf, Instance, InstancePre, Linker},
};

use super::{
    bindings::{logging, types},
    cache::{Cache, Known},
    call::{Guest, Session},
    description,
    engine::{Engine, Profile, engine},
    limits::Limits,
    outline::{Kind, Outline, outline},
    report, schema,
    source::Source,
};
use crate::{Error, FaultKind, Result, escape::escape};

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// 1 to 64 of a-z, 0-9 and hyphen, a letter first.
    pub name: String,
    /// Semantic version of the plugin.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// JSON Schema (draft 2020-12) of its configuration; empty if it accepts any.
    pub config_schema: String,
}

/// One world of the contract, from the host's side: what it offers and what it calls.
pub(crate) trait World: Send + Sized + 'static {
    /// Functions of an instance.
    type Exports: Send;
    /// How its components are compiled.
    const PROFILE: Profile;
    /// `interface.describe`, for messages.
    const DESCRIBE: &'static str;

    /// Kinds of plugins that can be used as this.
    fn accepts(kind: Kind) -> bool;
    /// What is asked for, for messages: "a metric".
    const WANTED: &'static str;

    /// Offers the imports.
    fn link(linker: &mut Linker<Guest<Self>>) -> wasmtime::Result<()>;
    /// Looks up the exports and checks their types.
    fn exports(store: &mut Store<Guest<Self>>, instance: &Instance) -> wasmtime::Result<Self::Exports>;
    /// Calls `describe`.
    fn describe(exports: &Self::Exports, store: &mut Store<Guest<Self>>) -> wasmtime::Result<types::Description>;
    /// What the imports work on while there is no run.
    fn nowhere() -> Self;
}

/// What a line of a log costs, as if it were so many bytes longer.
const LINE: usize = 400;

impl<W: Send + 'static> logging::Host for Guest<W> {
    fn log(&mut self, level: types::Level, message: String) -> wasmtime::Result<()> {
        self.charge_bytes(LINE.saturating_add(message.len()))?;
        self.log.line(level, &message);
        Ok(())
    }
}

/// Offers `logging`, which is all that most worlds import.
pub(crate) fn link_logging<W: Send + 'static>(linker: &mut Linker<Guest<W>>) -> wasmtime::Result<()> {
    logging::add_to_linker::<_, HasSelf<Guest<W>>>(linker, |guest| guest)
}

/// A file whose outside is that of a plugin.
pub(crate) struct PluginFile {
    pub(crate) source: Source,
    pub(crate) outline: Outline,
    /// What it said of itself before.
    known: Option<Known>,
    cache: Cache,
}

impl PluginFile {
    /// Looks at the outside of a file, which is not read if the cache knows it.
    pub(crate) fn new(source: Source, limits: &Limits, cache: Cache) -> Result<PluginFile> {
        let known = cache.known(&source.sha256, limits, SystemTime::now());
        let outline = match &known {
            Some(known) => Outline::new(&source.name, known.imports.clone(), known.exports.clone(), known.label.clone())?,
            None => outline(&source.name, &source.bytes()?)?,
        };
        Ok(PluginFile { source, outline, known, cache })
    }
}

/// A plugin that can be instantiated.
pub(crate) struct Loaded<W: World> {
    plugin: Arc<str>,
    sha256: [u8; 32],
    kind: Kind,
    limits: Arc<Limits>,
    /// What its label says, if it has one.
    interpreted: bool,
    /// Version of the contract that it is built for.
    contract: String,
    engine: Engine,
    pre: InstancePre<Guest<W>>,
    description: Description,
    /// The configuration as JSON.
    config: String,
}

impl<W: World> std::fmt::Debug for Loaded<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("plugin", &self.plugin).field("kind", &self.kind).field("description", &self.description).finish()
    }
}

impl<W: World> Loaded<W> {
    /// Reads, compiles, links and describes a plugin, and checks its configuration; null is an empty one.
    pub(crate) fn load(name: &str, path: &Path, config: &Value, limits: &Limits) -> Result<Loaded<W>> {
        Loaded::load_as(W::PROFILE, name, path, config, limits)
    }

    /// As `load`, compiled under another profile than the world's.
    pub(crate) fn load_as(profile: Profile, name: &str, path: &Path, config: &Value, limits: &Limits) -> Result<Loaded<W>> {
        let cache = Cache::of_user();
        Loaded::of(profile, name, Source::open(name, path, limits, &cache)?, cache, config, limits)
    }

    /// As `load`, of a file that is in memory.
    pub(crate) fn from_bytes(name: &str, bytes: Vec<u8>, config: &Value, limits: &Limits) -> Result<Loaded<W>> {
        Loaded::of(W::PROFILE, name, Source::of_bytes_within(name, bytes, limits)?, Cache::of_user(), config, limits)
    }

    fn of(profile: Profile, name: &str, source: Source, cache: Cache, config: &Value, limits: &Limits) -> Result<Loaded<W>> {
        let file = PluginFile::new(source, limits, cache)?;
        if !W::accepts(file.outline.kind) {
            let problem = format!("it is {}, {} is needed here", file.outline.kind.a(), W::WANTED);
            return Err(report::load(name, FaultKind::Link, problem, "name another plugin, or use this one where its kind belongs"));
        }
        let mut loaded = Loaded::link(profile, &file, limits)?;
        let empty = Value::Object(serde_json::Map::new());
        let config = if config.is_null() { &empty } else { config };
        loaded.config = config.to_string();
        let schema = &loaded.description.config_schema;
        if !file.cache.accepted(schema, &loaded.config, SystemTime::now()) {
            schema::check(name, schema, config)?;
            file.cache.keep_accepted(schema, &loaded.config);
        }
        Ok(loaded)
    }

    /// Compiles, links and describes, so far as the cache does not know of it.
    pub(crate) fn link(profile: Profile, file: &PluginFile, limits: &Limits) -> Result<Loaded<W>> {
        let PluginFile { source, outline, known, cache } = file;
        let engine = engine(profile, &source.name)?;
        let interpreted = outline.label.as_ref().is_some_and(|label| label.interpreted);
        let cramped = interpreted && !limits.suit_interpreters();
        let component = cache.component(&engine, source, limits).map_err(|error| match error {
            Error::Plugin(mut fault) if cramped && fault.kind == FaultKind::Limit => {
                fault.remedy = report::for_interpreter(&fault.remedy);
                Error::Plugin(fault)
            }
            error => error,
        })?;
        let unfit = |e: wasmtime::Error| {
            let (problem, remedy) = report::classify_linking(&e, outline.contract());
            report::load(&source.name, FaultKind::Link, problem, remedy)
        };
        let mut linker = Linker::new(&engine.wasm);
        W::link(&mut linker).map_err(unfit)?;
        let pre = linker.instantiate_pre(&component).map_err(unfit)?;
        let mut loaded = Loaded {
            plugin: source.name.clone(),
            sha256: source.sha256,
            kind: outline.kind,
            contract: outline.contract().to_owned(),
            limits: Arc::new(limits.clone()),
            interpreted,
            engine,
            pre,
            description: Description { name: String::new(), version: String::new(), summary: String::new(), config_schema: String::new() },
            config: String::new(),
        };
        let problem_of = |said: &types::Description| {
            let flaw = description::outside(&said.name, &said.version, &said.summary, &said.config_schema);
            flaw.map(|flaw| flaw.problem).or_else(|| outline.label.as_ref().and_then(|label| label.problem(&said.name, &said.version)))
        };
        let described = known.as_ref().map(|known| known.clone().description()).filter(|said| problem_of(said).is_none());
        loaded.description = match described {
            Some(said) => said.into(),
            None => {
                let (mut session, exports) = loaded.instantiate(W::nowhere())?;
                let said = session.call(W::DESCRIBE, None, 0, |store| W::describe(&exports, store))?;
                if let Some(problem) = problem_of(&said) {
                    return Err(session.contract(problem, report::AUTHOR));
                }
                cache.keep_known(&source.sha256, limits, &Known::new(outline, &said));
                said.into()
            }
        };
        Ok(loaded)
    }

    /// A fresh instance, not configured.
    pub(crate) fn instantiate(&self, world: W) -> Result<(Session<W>, W::Exports)> {
        // Its clock may have stayed behind in the process that forked this one.
        let engine = engine(self.engine.profile, &self.plugin)?;
        let engine = if wasmtime::Engine::same(&engine.wasm, &self.engine.wasm) { &engine } else { &self.engine };
        let mut session = Session::new(engine, &self.plugin, &self.limits, self.interpreted, world);
        let instance = session.call("instantiate", None, 0, |store| self.pre.instantiate(store))?;
        let mut unfit = None;
        let exports = session.call("instantiate", None, 0, |store| match W::exports(store, &instance) {
            Ok(exports) => Ok(Some(exports)),
            Err(error) => {
                unfit = Some(report::classify_linking(&error, &self.contract));
                Ok(None)
            }
        })?;
        match (exports, unfit) {
            (Some(exports), _) => Ok((session, exports)),
            (None, unfit) => {
                let (problem, remedy) = unfit.unwrap_or_default();
                Err(report::load(&self.plugin, FaultKind::Link, problem, remedy))
            }
        }
    }

    pub(crate) fn config(&self) -> &str {
        &self.config
    }

    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

impl From<types::Description> for Description {
    fn from(said: types::Description) -> Description {
        let types::Description { name, version, summary, config_schema } = said;
        Description { name, version, summary: escape(&summary, summary.len()), config_schema }
    }
}
