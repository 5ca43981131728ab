//! What a plugin is tried with: configuration, columns, pacing functions, limits.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use curricle::{
    PacingConfig, PacingSource, PluginConfig, Result,
    plugin::{Limits, PacingPlugin, Pacings, find},
};
use serde_json::Value;

use crate::{
    data::{ColumnSpec, Lengths},
    schema::Names,
};

/// What a plugin is tried with.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Its configuration; none to draw one from its schema.
    pub(crate) config: Option<Value>,
    pub(crate) columns: BTreeMap<String, ColumnSpec>,
    pub(crate) lengths: Lengths,
    pub(crate) pacings: BTreeMap<String, PacingConfig>,
    pub(crate) limits: Limits,
    /// Where paths of pacing plugins start from.
    pub(crate) folder: PathBuf,
}

impl Setting {
    /// Columns that plugins often ask for, and a pacing function `ramp`.
    pub(crate) fn usual(limits: Limits) -> Setting {
        let fraction = ColumnSpec::Spread { from: 0.0, to: 1.0 };
        let names = [("books", 1), ("code", 3), ("web", 6)];
        let categories = ColumnSpec::Categories(names.map(|(name, weight)| (name.to_owned(), weight)).to_vec());
        let columns = [
            ("difficulty", &fraction),
            ("length", &ColumnSpec::Lengths),
            ("seqlen", &ColumnSpec::Lengths),
            ("loss", &fraction),
            ("quality", &fraction),
            ("vocab-rarity", &fraction),
            ("domain", &categories),
            ("source", &categories),
        ];
        let ramp = PacingConfig::Linear { min: 1.0, max: 100.0, steps: 40, quantum: None, falling: false, first_step: 0 };
        Setting {
            config: None,
            columns: columns.map(|(name, spec)| (name.to_owned(), spec.clone())).into(),
            lengths: Lengths::default(),
            pacings: BTreeMap::from([("ramp".to_owned(), ramp)]),
            limits,
            folder: PathBuf::new(),
        }
    }

    /// Names that a configuration may refer to.
    pub(crate) fn names(&self) -> Names {
        let mut names = Names { pacings: self.pacings.keys().cloned().collect(), ..Names::default() };
        for (name, spec) in &self.columns {
            match spec {
                ColumnSpec::Categories(weights) => {
                    let there = weights.iter().filter(|(_, weight)| *weight > 0).map(|(name, _)| name.clone());
                    names.categories.push((name.clone(), there.collect()));
                }
                _ => names.numbers.push(name.clone()),
            }
        }
        names
    }

    /// Starts the pacing functions, for a policy to ask.
    pub(crate) fn start_pacings(&self) -> Result<Pacings> {
        let mut started = BTreeMap::new();
        for (name, written) in &self.pacings {
            started.insert(name.clone(), start(written, name, &self.folder)?);
        }
        Ok(Box::new(move |name, step| started.get_mut(name).map(|function| function(step))))
    }
}

type PacingFunction = Box<dyn FnMut(u64) -> Result<f64> + Send>;

fn start(written: &PacingConfig, name: &str, folder: &Path) -> Result<PacingFunction> {
    match written.source(|key| format!("pacing.{name}.{key}"))? {
        PacingSource::Curve(pacing) => Ok(Box::new(move |step| Ok(pacing.difficulty(step)))),
        PacingSource::Plugin(plugin) => {
            let path = if plugin.plugin.ends_with(".wasm") { folder.join(&plugin.plugin) } else { find(&plugin.plugin)? };
            let config = PluginConfig::json_of(&plugin.config, &format!("pacing.{name}.config"))?;
            let mut running = PacingPlugin::load(&plugin.plugin, &path, &config, &plugin.limits)?.instantiate()?;
            Ok(Box::new(move |step| running.difficulty(step)))
        }
    }
}
