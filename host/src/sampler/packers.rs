//! Packers of a run: native, or plugins compiled once and started where they are needed.

use super::{config::RunConfig, packer_config::PackerConfig, plugins::load};
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
    Plugin(Box<PackerPlugin>),
}

impl PackerSource {
    /// Finds what is `written` at `place` of the run file.
    pub(super) fn open(config: &RunConfig, written: &PackerConfig, place: &str) -> Result<PackerSource> {
        Ok(match written {
            PackerConfig::Native(packer) => PackerSource::Native(*packer),
            PackerConfig::Plugin(plugin) => PackerSource::Plugin(Box::new(load(config, plugin, place, PackerPlugin::load)?)),
        })
    }

    /// Starts it.
    pub(super) fn start(&self) -> Result<Box<dyn Pack>> {
        Ok(match self {
            PackerSource::Native(packer) => Box::new(*packer),
            PackerSource::Plugin(plugin) => Box::new(PackWithPlugin(plugin.instantiate()?)),
        })
    }
}

struct PackWithPlugin(Packer);

impl Pack for PackWithPlugin {
    fn pack(&mut self, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>> {
        self.0.pack(lengths, capacity, max_samples)
    }
}
