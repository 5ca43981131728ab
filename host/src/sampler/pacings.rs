//! The pacing functions of a run: curves, or plugins compiled once and started where they are needed.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use super::{
    config::{PacingConfig, PacingSource, RunConfig},
    on_fault::{Guard, Restarts},
    plugins::load,
};
use crate::{
    Error, Result, hex,
    pacing::Pacing,
    plugin::{self, PacingPlugin},
};

/// Difficulty at a step.
pub(crate) type PacingFunction = Box<dyn FnMut(u64) -> Result<f64> + Send>;

/// All of them, by name.
#[derive(Debug)]
pub(crate) struct PacingSources(BTreeMap<String, Source>);

/// Where a pacing function comes from.
#[derive(Debug)]
enum Source {
    Curve(Pacing),
    /// With its configuration.
    Plugin {
        plugin: Arc<PacingPlugin>,
        config: serde_json::Value,
        guard: Guard,
    },
}

impl PacingSources {
    /// Opens what the run file has.
    pub(crate) fn open(config: &RunConfig) -> Result<PacingSources> {
        let sources = config.pacing.iter().map(|(name, written)| Ok((name.clone(), Source::open(config, name, written)?)));
        sources.collect::<Result<_>>().map(PacingSources)
    }

    /// Starts one of them; `restarts` counts how often a plugin is started again.
    pub(crate) fn start(&self, name: &str, restarts: &Restarts) -> Result<PacingFunction> {
        match self.0.get(name) {
            Some(source) => source.start(restarts),
            None => Err(Error::config(format!("pacing.{name}"), "the run file has no such pacing function", "add it")),
        }
    }

    /// Starts all of them, for a policy to ask.
    pub(crate) fn start_all(&self, restarts: &Restarts) -> Result<plugin::Pacings> {
        let functions = self.0.iter().map(|(name, source)| Ok((name.clone(), source.start(restarts)?)));
        let mut functions = functions.collect::<Result<BTreeMap<String, PacingFunction>>>()?;
        Ok(Box::new(move |name, step| functions.get_mut(name).map(|function| function(step))))
    }

    /// What decides their values, in a form to compare at a resume.
    pub(crate) fn identify(&self) -> serde_json::Value {
        self.0.iter().map(|(name, source)| (name.clone(), source.identify())).collect()
    }
}

impl Source {
    fn open(config: &RunConfig, name: &str, written: &PacingConfig) -> Result<Source> {
        let place = format!("pacing.{name}");
        match written.source(|key| config.place(&format!("{place}.{key}")))? {
            PacingSource::Curve(curve) => Ok(Source::Curve(curve)),
            PacingSource::Plugin(written) => {
                let plugin = Arc::new(load(config, written, &place, PacingPlugin::load, PacingPlugin::sha256)?);
                let config = written.config_json(&format!("{place}.config"))?;
                Ok(Source::Plugin { plugin, config, guard: Guard::new(written, &place) })
            }
        }
    }

    fn start(&self, restarts: &Restarts) -> Result<PacingFunction> {
        Ok(match self {
            Source::Curve(pacing) => {
                let pacing = pacing.clone();
                Box::new(move |step| Ok(pacing.difficulty(step)))
            }
            Source::Plugin { plugin, guard, .. } => {
                let (plugin, guard) = (plugin.clone(), guard.counting(restarts));
                let mut running = plugin.instantiate()?;
                Box::new(move |step| guard.ask(&mut running, || plugin.instantiate(), |pacing| pacing.difficulty(step)))
            }
        })
    }

    fn identify(&self) -> serde_json::Value {
        match self {
            Source::Curve(pacing) => serde_json::to_value(pacing).unwrap_or_default(),
            Source::Plugin { plugin, config, .. } => json!({ "sha256": hex(&plugin.sha256()), "config": config }),
        }
    }
}
