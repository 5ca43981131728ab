//! A packer as the run file names it.

use std::fmt;

use serde::{
    Deserialize,
    de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::plugin_config::PluginConfig;
use crate::packing::BinPacker;

/// `packer`: the name of a native one, or a plugin.
#[derive(Clone, Debug)]
pub enum PackerConfig {
    /// `packer = "best-fit-decreasing"`.
    Native(BinPacker),
    /// `packer = { plugin = "…" }`.
    Plugin(PluginConfig),
}

impl<'de> Deserialize<'de> for PackerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PackerConfig, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = PackerConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a native packer (")?;
        for packer in BinPacker::ALL {
            write!(f, "\"{}\", ", packer.name())?;
        }
        f.write_str("each in quotes) or a plugin, written { plugin = \"…\" }")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<PackerConfig, E> {
        BinPacker::from_name(name).map(PackerConfig::Native).ok_or_else(|| E::invalid_value(de::Unexpected::Str(name), &self))
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<PackerConfig, M::Error> {
        PluginConfig::deserialize(MapAccessDeserializer::new(map)).map(PackerConfig::Plugin)
    }
}
