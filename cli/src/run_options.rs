//! Options of the verbs that work on a run file.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use curricle::{Planner, Run, RunConfig, SamplerState};

/// Which run, and from where.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// Run file.
    #[arg(value_name = "RUN", default_value = "curricle.toml")]
    pub(crate) run: PathBuf,
    /// Seed to use instead of the run file's.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Saved state to go on from.
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,
}

impl RunOptions {
    /// Opens the run.
    pub(crate) fn open(&self) -> Result<Run> {
        let mut config = RunConfig::load(&self.run)?;
        config.seed = self.seed.unwrap_or(config.seed);
        Ok(Run::open(config)?)
    }

    /// The state to go on from, if one was named.
    pub(crate) fn state(&self) -> Result<Option<SamplerState>> {
        Ok(self.resume.as_ref().map(SamplerState::load).transpose()?)
    }

    /// A planner at the start, or where the named state stands.
    pub(crate) fn planner(&self, run: &Run) -> Result<Planner> {
        Ok(match self.state()? {
            Some(state) => run.planner_at(&state)?,
            None => run.planner()?,
        })
    }
}
