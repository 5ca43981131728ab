//! What the checks of one plugin share: its configuration, the data, who may interrupt.

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    path::Path,
    rc::Rc,
};

use curricle::{
    Error, Result,
    plugin::{Kind, MetricPlugin, PacingPlugin, PackerPlugin, PolicyPlugin},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{Ask, QUICK, Stop, scratch, stage::Stage};
use crate::{schema, setting::Setting, subject::Subject};

/// What the checks of one plugin share.
pub(crate) struct Bench<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) setting: &'a Setting,
    pub(crate) sizes: &'a [u64],
    pub(crate) elsewhere: Option<&'a Ask>,
    interrupted: &'a dyn Fn() -> bool,
    folder: TempDir,
    config: OnceCell<Value>,
    stages: RefCell<BTreeMap<u64, Rc<Stage>>>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        subject: &'a Subject,
        setting: &'a Setting,
        sizes: &'a [u64],
        interrupted: &'a dyn Fn() -> bool,
        elsewhere: Option<&'a Ask>,
    ) -> Result<Bench<'a>> {
        let (config, stages) = Default::default();
        Ok(Bench { subject, setting, sizes, interrupted, elsewhere, folder: scratch()?, config, stages })
    }

    /// A folder for data.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the check if somebody asked to stop.
    pub(crate) fn breathe(&self) -> Result<()> {
        if (self.interrupted)() {
            let doing = format!("testing `{}`", self.subject.name);
            return Err(Error::Interrupted { doing, remedy: "test it again".into() });
        }
        Ok(())
    }

    /// The schema of its configuration; none if it accepts anything.
    pub(crate) fn schema(&self) -> Option<Value> {
        serde_json::from_str(&self.subject.description.config_schema).ok()
    }

    /// The configuration that the checks use: the one that was given, else the first of those drawn with which it starts, else the first.
    pub(crate) fn config(&self) -> &Value {
        self.config.get_or_init(|| {
            if let Some(config) = &self.setting.config {
                return config.clone();
            }
            let empty = Value::Object(serde_json::Map::new());
            let mut drawn = schema::bases(&self.schema().unwrap_or_else(|| empty.clone()), &self.setting.names());
            let works = drawn.iter().position(|config| self.start_with(config).is_ok()).unwrap_or(0);
            if works < drawn.len() { drawn.swap_remove(works) } else { empty }
        })
    }

    /// Starts it with a configuration: loaded, configured, and of a policy the first step filled.
    pub(crate) fn start_with(&self, config: &Value) -> Result<(), Stop> {
        match self.subject.kind {
            Kind::Policy | Kind::StatefulPolicy => {
                let plugin = self.policy_with(config)?;
                self.stage(QUICK)?.start(&plugin, None)?.step(8)?;
            }
            Kind::Metric => drop(self.metric_with(config)?.instantiate()?),
            Kind::Pacing => drop(self.pacing_with(config)?.instantiate()?.difficulty(0)?),
            _ => drop(self.packer_with(config)?.instantiate()?),
        }
        Ok(())
    }

    /// The synthetic data for policies, of so many samples; made once.
    pub(crate) fn stage(&self, samples: u64) -> Result<Rc<Stage>> {
        if let Some(stage) = self.stages.borrow().get(&samples) {
            return Ok(stage.clone());
        }
        let folder = self.folder().join(format!("columns-{samples}"));
        std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        let stage = Rc::new(Stage::new(self.setting, samples, &folder, &|| self.breathe())?);
        self.stages.borrow_mut().insert(samples, stage.clone());
        Ok(stage)
    }

    pub(crate) fn policy(&self) -> Result<PolicyPlugin> {
        self.policy_with(self.config())
    }

    pub(crate) fn policy_with(&self, config: &Value) -> Result<PolicyPlugin> {
        PolicyPlugin::load(&self.subject.name, &self.subject.path, config, &self.setting.limits)
    }

    pub(crate) fn metric_with(&self, config: &Value) -> Result<MetricPlugin> {
        MetricPlugin::load(&self.subject.name, &self.subject.path, config, &self.setting.limits)
    }

    pub(crate) fn pacing_with(&self, config: &Value) -> Result<PacingPlugin> {
        PacingPlugin::load(&self.subject.name, &self.subject.path, config, &self.setting.limits)
    }

    pub(crate) fn packer_with(&self, config: &Value) -> Result<PackerPlugin> {
        PackerPlugin::load(&self.subject.name, &self.subject.path, config, &self.setting.limits)
    }
}
