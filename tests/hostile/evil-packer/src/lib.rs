//! A packer that gives every sample a bin of its own, or does wrong as it is told to.

use curricle_guest::{ConfigSchema, Packer, Result, Schema, export};
use serde::Deserialize;
use wrong::{Wrong, commit};

/// Its configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// A misdeed that every world has.
    wrong: Option<Wrong>,
    /// A misdeed of packers.
    pack: Option<Pack>,
}

/// Anything goes: what is wrong with it is found out later.
impl ConfigSchema for Config {
    fn schema(schema: &mut Schema) {
        schema.object();
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Pack {
    /// Everything into one bin.
    Overfull,
    /// A bin that stays empty.
    Gap,
    /// One sample is forgotten.
    Short,
    /// One sample more than there are.
    Long,
    /// A bin beyond all others.
    Far,
    /// Bins the other way round every second time: no fault of a call.
    Remembers,
}

/// The packer.
#[derive(Debug)]
pub struct Evil {
    config: Config,
    asked: u64,
}

impl Packer for Evil {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        Ok(Evil { config, asked: 0 })
    }

    fn pack(&mut self, lengths: &[u32], _: u32, _: Option<u32>) -> Result<Vec<u32>> {
        if let Some(wrong) = self.config.wrong {
            commit(wrong)?;
        }
        let n = lengths.len() as u32;
        self.asked += 1;
        Ok(match self.config.pack {
            Some(Pack::Remembers) if self.asked.is_multiple_of(2) => (0..n).rev().collect(),
            None | Some(Pack::Remembers) => (0..n).collect(),
            Some(Pack::Overfull) => vec![0; lengths.len()],
            Some(Pack::Gap) => (0..n).map(|i| if i == 0 { 1 } else { i }).collect(),
            Some(Pack::Short) => (1..n).collect(),
            Some(Pack::Long) => (0..=n).collect(),
            Some(Pack::Far) => (0..n).map(|i| if i == 0 { u32::MAX } else { i }).collect(),
        })
    }
}

export!(packer: Evil);
