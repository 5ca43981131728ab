//! Metrics: one value per sample, or numbers about the dataset as a whole.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use serde_json::Value;
use wasmtime::{
    Store,
    component::{Instance, Linker},
};

use super::{
    bindings::{metric, types},
    call::{Guest, Session, Spent},
    engine::Profile,
    limits::Limits,
    outline::Kind,
    report,
    world::{Description, Loaded, World, link_logging},
};
use crate::{
    Result,
    columns::{ValueType, Values},
};

/// Passes over the dataset that a metric may ask for.
const MAX_PASSES: u32 = 16;
/// Totals that a metric may answer.
const MAX_TOTALS: usize = 1 << 24;

/// The host's side of world `metric-plugin`.
#[derive(Debug)]
pub(crate) struct MetricWorld;

impl World for MetricWorld {
    type Exports = metric::Guest;
    const PROFILE: Profile = Profile::Measure;
    const DESCRIBE: &'static str = "metric.describe";
    const WANTED: &'static str = "a metric";

    fn accepts(kind: Kind) -> bool {
        kind == Kind::Metric
    }

    fn link(linker: &mut Linker<Guest<Self>>) -> wasmtime::Result<()> {
        link_logging(linker)
    }

    fn exports(store: &mut Store<Guest<Self>>, instance: &Instance) -> wasmtime::Result<metric::Guest> {
        metric::GuestIndices::new(&instance.instance_pre(&*store))?.load(store, instance)
    }

    fn describe(exports: &metric::Guest, store: &mut Store<Guest<Self>>) -> wasmtime::Result<types::Description> {
        exports.call_describe(store)
    }

    fn nowhere() -> MetricWorld {
        MetricWorld
    }
}

/// A metric's component, compiled and checked, from which one [`Metric`] is made for each thread.
#[derive(Debug)]
pub struct MetricPlugin {
    loaded: Loaded<MetricWorld>,
    /// Type of the values, which the first answer of any instance decides.
    value_type: Arc<OnceLock<ValueType>>,
}

impl MetricPlugin {
    /// Loads the metric in the file at `path`, as [`PolicyPlugin::load`](super::PolicyPlugin::load) does a policy.
    ///
    /// # Errors
    /// As there.
    pub fn load(name: &str, path: &Path, config: &Value, limits: &Limits) -> Result<MetricPlugin> {
        Loaded::load(name, path, config, limits).map(|loaded| MetricPlugin { loaded, value_type: Arc::default() })
    }

    /// Loads a metric whose file is in memory, as on a machine to which it was sent; `name` is what messages call it.
    ///
    /// # Errors
    /// As [`load`](MetricPlugin::load).
    pub fn from_bytes(name: &str, bytes: Vec<u8>, config: &Value, limits: &Limits) -> Result<MetricPlugin> {
        Loaded::from_bytes(name, bytes, config, limits).map(|loaded| MetricPlugin { loaded, value_type: Arc::default() })
    }

    /// What it says of itself.
    pub fn description(&self) -> &Description {
        self.loaded.description()
    }

    /// Digest of its file.
    pub fn sha256(&self) -> [u8; 32] {
        self.loaded.sha256()
    }

    /// Its configuration as it is given to every instance: a JSON object.
    pub fn config(&self) -> &str {
        self.loaded.config()
    }

    /// Makes a configured instance.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if it refuses its configuration, fails, asks for more than 16 passes, or for neither passes nor
    /// values.
    pub fn instantiate(&self) -> Result<Metric> {
        let (mut session, exports) = self.loaded.instantiate(MetricWorld)?;
        let config = self.loaded.config();
        let needs = session.ask("metric.configure", None, 0, |store| exports.call_configure(store, config))?;
        let needs = Needs { passes: needs.passes, tokens: needs.tokens, values: needs.values };
        if needs.passes > MAX_PASSES {
            return Err(session.contract(format!("it asks for {} passes, at most {MAX_PASSES} are made", needs.passes), report::AUTHOR));
        }
        if needs.passes == 0 && !needs.values {
            return Err(session.contract("it asks for neither passes nor values, so there is nothing that it could find", report::AUTHOR));
        }
        Ok(Metric { session, exports, needs, value_type: self.value_type.clone() })
    }
}

/// What a metric asks of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Passes of [`Metric::accumulate`] over the whole dataset, before [`Metric::measure`]; 0 to 16.
    pub passes: u32,
    /// Whether it reads tokens at all; if not, it is given none, and the offsets still tell the lengths.
    pub tokens: bool,
    /// Whether samples have values. If not, there is at least one pass, and [`Metric::totals`] are all that it finds.
    pub values: bool,
}

/// Consecutive samples laid end to end.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// Id of the first sample.
    pub first: u64,
    /// Bytes per token: 1, 2 or 4.
    pub width: u8,
    /// Token ids, unsigned, little-endian, `width` bytes each.
    pub tokens: &'a [u8],
    /// Sample i is the tokens `offsets[i]..offsets[i + 1]`, counted in tokens; one more offset than samples, the first 0.
    pub offsets: &'a [u32],
}

impl<'a> Samples<'a> {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn to_guest(self) -> metric::Samples<'a> {
        let Samples { first, width, tokens, offsets } = self;
        metric::Samples { first, width, tokens, offsets }
    }
}

/// A running metric. After an error it refuses every further call.
pub struct Metric {
    session: Session<MetricWorld>,
    exports: metric::Guest,
    needs: Needs,
    value_type: Arc<OnceLock<ValueType>>,
}

impl std::fmt::Debug for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metric").field("session", &self.session).field("needs", &self.needs).finish_non_exhaustive()
    }
}

impl Metric {
    /// What it asks of the host.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// Shows it one chunk in pass `pass`, counted from 0.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if it refuses or fails.
    pub fn accumulate(&mut self, pass: u32, samples: &Samples<'_>) -> Result<()> {
        let (exports, samples) = (&self.exports, samples.to_guest());
        self.session.ask("metric.accumulate", None, 0, |store| exports.call_accumulate(store, pass, samples))
    }

    /// What it accumulated since the last call, or since it was made; empties it.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if it fails, or answers more than [`Limits::answer`].
    pub fn partial(&mut self, pass: u32) -> Result<Vec<u8>> {
        let exports = &self.exports;
        self.session.call("metric.partial", None, 0, |store| exports.call_partial(store, pass))
    }

    /// Joins the partial results of consecutive chunks, in order, into one.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if it refuses or fails, or answers more than it was given and [`Limits::answer`] besides.
    pub fn merge(&mut self, pass: u32, partials: &[Vec<u8>]) -> Result<Vec<u8>> {
        let given: Vec<&[u8]> = partials.iter().map(Vec::as_slice).collect();
        let asked = partials.iter().map(|partial| partial.len() as u64).sum();
        let exports = &self.exports;
        self.session.ask("metric.merge", None, asked, |store| exports.call_merge(store, pass, &given))
    }

    /// Gives it the result of the pass.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if it refuses or fails.
    pub fn finish(&mut self, pass: u32, merged: &[u8]) -> Result<()> {
        let exports = &self.exports;
        self.session.ask("metric.finish", None, 0, |store| exports.call_finish(store, pass, merged))
    }

    /// Numbers about the dataset as a whole that the passes found; finite, and at most 16 777 216.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if it fails or answers otherwise.
    pub fn totals(&mut self) -> Result<Vec<f64>> {
        let exports = &self.exports;
        let totals = self.session.call("metric.totals", None, MAX_TOTALS as u64 * 8, |store| exports.call_totals(store))?;
        if totals.len() > MAX_TOTALS {
            let problem = format!("it answered {} totals, at most {MAX_TOTALS} are kept", totals.len());
            return Err(self.session.contract(problem, report::AUTHOR));
        }
        if let Some(i) = totals.iter().position(|total| !total.is_finite()) {
            let total = totals.get(i).copied().unwrap_or(f64::NAN);
            return Err(self.session.contract(format!("its total {i} is {total}, totals are finite"), report::AUTHOR));
        }
        Ok(totals)
    }

    /// One value for each sample of a chunk, none of them NaN, and of the same type for every chunk.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if it refuses, fails or answers otherwise: a NaN is named with the id of its sample.
    pub fn measure(&mut self, samples: &Samples<'_>) -> Result<Values> {
        let (exports, argument) = (&self.exports, samples.to_guest());
        let asked = samples.len() as u64 * 8;
        let values = self.session.ask("metric.measure", None, asked, |store| exports.call_measure(store, argument))?;
        let values = match values {
            metric::Values::Float32(values) => Values::F32(values),
            metric::Values::Float64(values) => Values::F64(values),
            metric::Values::Uint32(values) => Values::U32(values),
            metric::Values::Uint64(values) => Values::U64(values),
        };
        match self.check(samples, &values) {
            Ok(()) => Ok(values),
            Err(problem) => Err(self.session.contract(problem, report::AUTHOR)),
        }
    }

    fn check(&self, samples: &Samples<'_>, values: &Values) -> Result<(), String> {
        if values.len() != samples.len() {
            let (first, last) = (samples.first, samples.first.saturating_add(samples.len() as u64).saturating_sub(1));
            return Err(format!("it answered {} values for the {} samples {first} to {last}", values.len(), samples.len()));
        }
        let nan = match values {
            Values::F32(values) => values.iter().position(|value| value.is_nan()),
            Values::F64(values) => values.iter().position(|value| value.is_nan()),
            Values::U32(_) | Values::U64(_) => None,
        };
        if let Some(i) = nan {
            return Err(format!("its value for sample {} is NaN", samples.first.saturating_add(i as u64)));
        }
        let first = *self.value_type.get_or_init(|| values.value_type());
        if first != values.value_type() {
            return Err(format!("it answered {} for one chunk and {} for another", first, values.value_type()));
        }
        Ok(())
    }

    /// What the last call took.
    pub fn spent(&self) -> Spent {
        self.session.spent()
    }
}

#[expect(dead_code, reason = "compiles only if it holds")]
fn a_plugin_is_shared_by_threads_and_an_instance_moves_between_them(plugin: MetricPlugin, metric: Metric) {
    fn shared(_: impl Send + Sync) {}
    fn moves(_: impl Send) {}
    shared(plugin);
    moves(metric);
}
