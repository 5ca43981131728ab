//! What may differ at a resume if the operator lets it, and the record of what was let through.

use serde::{Deserialize, Serialize};

/// A difference between the run that saved a state and the one that resumes from it, which is refused unless it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Change {
    /// Another dataset or view, with columns of its own. Streams keep their positions, and are as long as the dataset has it. Samples in hand
    /// keep their ids, which must be there.
    Dataset,
    /// Another plugin decides, or another version or build of it. One of the same name gets what the policy saved, one of another name starts
    /// without it. It takes over from a policy that was fallen back to.
    Plugin,
    /// Another configuration of policy, pacing functions or lengths, or another `count-tokens`.
    Config,
    /// Other values in a column, or a column less.
    Column,
    /// Another seed: streams keep their positions in orders that are new.
    Seed,
    /// A policy that refuses what was saved of it starts without it.
    PolicyState,
}

impl Change {
    /// All of them.
    pub const ALL: [Change; 6] = [Change::Dataset, Change::Plugin, Change::Config, Change::Column, Change::Seed, Change::PolicyState];

    /// What `--allow` of the command line calls it.
    pub fn flag(self) -> &'static str {
        match self {
            Change::Dataset => "dataset-change",
            Change::Plugin => "plugin-change",
            Change::Config => "config-change",
            Change::Column => "column-change",
            Change::Seed => "seed-change",
            Change::PolicyState => "policy-state-loss",
        }
    }

    /// Whether streams may have other conditions after it.
    fn touches_streams(self) -> bool {
        !matches!(self, Change::Seed | Change::PolicyState)
    }
}

/// A difference that was let through at a resume: every later state tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Changed {
    /// Number of the first step after it.
    pub step: u64,
    /// As which [`Change`] it was let through: its [flag](Change::flag).
    pub allowed: String,
    /// What differs, in words: "seed", "column `loss`".
    pub what: String,
    /// What the state was saved with.
    pub from: String,
    /// What the run went on with.
    pub to: String,
}

impl Changed {
    /// Whether streams may have other conditions after all of these.
    pub(crate) fn touch_streams(changes: &[Changed]) -> bool {
        // What a later release may let through is not known here: its streams may have changed.
        changes.iter().any(|changed| Change::ALL.iter().all(|change| change.flag() != changed.allowed || change.touches_streams()))
    }
}
