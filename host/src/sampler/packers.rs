//! Packers of a run: native, or plugins compiled once and started where they are needed.

use std::sync::Arc;

use super::{
    config::RunConfig,
    on_fault::{Guard, Restarts},
    packer_config::PackerConfig,
    plugins::load,
};
use crate::{
    Result,
    batch::Pack,
    packing::BinPacker,
    plugin::{Packer, PackerPlugin},
};

/// A packer that can be started.
#[derive(Debug)]
pub(super) enum PackerSource {
    Native(BinPacker),
    Plugin { plugin: Arc<PackerPlugin>, guard: Guard },
}

impl PackerSource {
    /// Finds what is `written` at `place` of the run file.
    pub(super) fn open(config: &RunConfig, written: &PackerConfig, place: &str) -> Result<PackerSource> {
        Ok(match written {
            PackerConfig::Native(packer) => PackerSource::Native(*packer),
            PackerConfig::Plugin(written) => {
                let plugin = Arc::new(load(config, written, place, PackerPlugin::load, PackerPlugin::sha256)?);
                PackerSource::Plugin { plugin, guard: Guard::new(written, place) }
            }
        })
    }

    /// Starts it; `restarts` counts how often it is started again.
    pub(super) fn start(&self, restarts: &Restarts) -> Result<Box<dyn Pack>> {
        Ok(match self {
            PackerSource::Native(packer) => Box::new(*packer),
            PackerSource::Plugin { plugin, guard } => {
                Box::new(PackWithPlugin { running: plugin.instantiate()?, plugin: plugin.clone(), guard: guard.counting(restarts) })
            }
        })
    }
}

struct PackWithPlugin {
    running: Packer,
    plugin: Arc<PackerPlugin>,
    guard: Guard,
}

impl Pack for PackWithPlugin {
    fn pack(&mut self, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>> {
        let PackWithPlugin { running, plugin, guard } = self;
        guard.ask(running, || plugin.instantiate(), |packer| packer.pack(lengths, capacity, max_samples))
    }
}
