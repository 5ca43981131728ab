//! Options of the verbs that work on a run file.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum, builder::PossibleValue};
use curricle::{Change, Planner, Run, RunConfig, SamplerState};

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
    /// Differences from the run that saved the state which are let through, and recorded in the states from there on.
    #[arg(long, value_name = "CHANGE", value_delimiter = ',')]
    allow: Vec<Allowed>,
}

/// A [`Change`] by its name on the command line.
#[derive(Clone, Copy, Debug)]
struct Allowed(Change);

impl ValueEnum for Allowed {
    fn value_variants<'a>() -> &'a [Allowed] {
        const ALL: [Allowed; Change::ALL.len()] = {
            let mut all = [Allowed(Change::Dataset); Change::ALL.len()];
            let mut i = 0;
            while i < all.len() {
                all[i] = Allowed(Change::ALL[i]);
                i += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self.0 {
            Change::Dataset => "another dataset or view of it, with its columns: streams keep their positions",
            Change::Plugin => "another policy, version or build; one of the same name gets what the policy saved",
            Change::Config => "another configuration of policy, pacing functions or lengths",
            Change::Column => "other values in a column, or a column less",
            Change::Seed => "another seed: positions stay, orders are new",
            Change::PolicyState => "a policy that refuses what it saved starts without it",
            _ => "",
        };
        Some(PossibleValue::new(self.0.flag()).help(help))
    }
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

    /// What may differ from the run that saved the state.
    pub(crate) fn allowed(&self) -> Vec<Change> {
        self.allow.iter().map(|allowed| allowed.0).collect()
    }

    /// A planner at the start, or where the named state stands.
    pub(crate) fn planner(&self, run: &Run) -> Result<Planner> {
        Ok(match self.state()? {
            Some(state) => run.planner_allowing(&state, &self.allowed())?,
            None => run.planner()?,
        })
    }
}
