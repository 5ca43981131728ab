//! What a policy decides about: samples that need no tokens, and their columns.

use std::{path::Path, sync::Arc};

use curricle::{
    Result,
    columns::Columns,
    plugin::{Context, PolicyPlugin},
    streams::Streams,
};

use super::player::{Player, Standing};
use crate::{
    data::{ColumnFiles, Lengths, open},
    setting::Setting,
};

/// Decides every random order.
const SEED: u64 = 7;

/// Synthetic samples for a policy.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) samples: u64,
    pub(super) lengths: Lengths,
    columns: Arc<Columns>,
    setting: Setting,
}

impl Stage {
    /// Makes the columns, in a folder. Ends early where `breathe` says so.
    pub(crate) fn new(setting: &Setting, samples: u64, folder: &Path, breathe: &dyn Fn() -> Result<()>) -> Result<Stage> {
        let files = ColumnFiles { folder, fingerprint: "0".repeat(32), samples, lengths: setting.lengths };
        let columns = Arc::new(open(&files.make(&setting.columns, breathe)?, samples)?);
        Ok(Stage { samples, lengths: setting.lengths, columns, setting: setting.clone() })
    }

    /// Starts an instance at the first step, or where a run stands.
    pub(crate) fn start(&self, plugin: &PolicyPlugin, standing: Option<&Standing>) -> Result<Player> {
        let mut streams = Streams::new(self.columns.clone(), SEED);
        let standing = standing.cloned().unwrap_or_default();
        streams.restore(standing.streams.clone())?;
        let context = Context { columns: self.columns.clone(), streams, pacings: self.setting.start_pacings()? };
        let policy = plugin.start(context, standing.memory.as_deref())?;
        Ok(Player::new(policy, SEED, self.lengths, standing))
    }
}
