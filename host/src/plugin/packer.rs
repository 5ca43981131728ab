//! Packers: which samples of a micro-batch share a row.

use std::path::Path;

use serde_json::Value;
use wasmtime::{
    Store,
    component::{Instance, Linker},
};

use super::{
    bindings::{packer, types},
    call::{Guest, Session, Spent},
    engine::Profile,
    limits::Limits,
    outline::Kind,
    report,
    world::{Description, Loaded, World, link_logging},
};
use crate::{Result, packing};

/// The host's side of world `packer-plugin`.
#[derive(Debug)]
pub(crate) struct PackerWorld;

impl World for PackerWorld {
    type Exports = packer::Guest;
    const PROFILE: Profile = Profile::Decide;
    const DESCRIBE: &'static str = "packer.describe";
    const WANTED: &'static str = "a packer";

    fn accepts(kind: Kind) -> bool {
        kind == Kind::Packer
    }

    fn link(linker: &mut Linker<Guest<Self>>) -> wasmtime::Result<()> {
        link_logging(linker)
    }

    fn exports(store: &mut Store<Guest<Self>>, instance: &Instance) -> wasmtime::Result<packer::Guest> {
        packer::GuestIndices::new(&instance.instance_pre(&*store))?.load(store, instance)
    }

    fn describe(exports: &packer::Guest, store: &mut Store<Guest<Self>>) -> wasmtime::Result<types::Description> {
        exports.call_describe(store)
    }

    fn nowhere() -> PackerWorld {
        PackerWorld
    }
}

/// A packer's component, compiled and checked.
#[derive(Debug)]
pub struct PackerPlugin {
    loaded: Loaded<PackerWorld>,
}

impl PackerPlugin {
    /// Loads the packer in the file at `path`, as [`PolicyPlugin::load`](super::PolicyPlugin::load) does a policy.
    ///
    /// # Errors
    /// As there.
    pub fn load(name: &str, path: &Path, config: &Value, limits: &Limits) -> Result<PackerPlugin> {
        Loaded::load(name, path, config, limits).map(|loaded| PackerPlugin { loaded })
    }

    /// What it says of itself.
    pub fn description(&self) -> &Description {
        self.loaded.description()
    }

    /// Digest of its file.
    pub fn sha256(&self) -> [u8; 32] {
        self.loaded.sha256()
    }

    /// Makes a configured instance.
    ///
    /// # Errors
    /// [`Error::Plugin`] if it refuses its configuration or fails.
    pub fn instantiate(&self) -> Result<Packer> {
        let (mut session, exports) = self.loaded.instantiate(PackerWorld)?;
        let config = self.loaded.config();
        session.ask("packer.configure", None, 0, |store| exports.call_configure(store, config))?;
        Ok(Packer { session, exports })
    }
}

/// A running packer. After an error it refuses every further call.
pub struct Packer {
    session: Session<PackerWorld>,
    exports: packer::Guest,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Packer {
    /// Bin of each sample, given its length in tokens. Bins are numbered from 0 without gaps; none holds more than `capacity` tokens or more
    /// than `max_samples` samples.
    ///
    /// # Errors
    /// [`Error::Data`] if a length is 0 or above `capacity`; [`Error::Plugin`] if the packer refuses, fails, or answers otherwise.
    pub fn pack(&mut self, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>> {
        packing::check_lengths(lengths, capacity)?;
        let asked = lengths.len() as u64 * 4;
        let exports = &self.exports;
        let bins = self.session.ask("packer.pack", None, asked, |store| exports.call_pack(store, lengths, capacity, max_samples))?;
        match check(&bins, lengths, capacity, max_samples) {
            Ok(()) => Ok(bins),
            Err(problem) => Err(self.session.contract(problem, report::AUTHOR)),
        }
    }

    /// What the last call took.
    pub fn spent(&self) -> Spent {
        self.session.spent()
    }
}

/// Holds an answer to the rules of `wit/packer.wit`.
fn check(bins: &[u32], lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<(), String> {
    if bins.len() != lengths.len() {
        return Err(format!("it put {} samples into bins, it was given {}", bins.len(), lengths.len()));
    }
    let mut held = vec![(0u64, 0u32); bins.len()];
    let mut n_bins = 0;
    for (i, (&bin, &length)) in bins.iter().zip(lengths).enumerate() {
        // Without gaps there are no more bins than samples.
        let Some((tokens, samples)) = held.get_mut(bin as usize) else {
            return Err(format!("it put sample {i} into bin {bin}, {} samples fill bins 0 to {} at most", bins.len(), bins.len() - 1));
        };
        *tokens += u64::from(length);
        *samples += 1;
        n_bins = n_bins.max(bin as usize + 1);
        if *tokens > u64::from(capacity) {
            return Err(format!("it put {tokens} tokens into bin {bin}, which holds {capacity}"));
        }
        if let Some(max) = max_samples
            && *samples > max
        {
            return Err(format!("it put more than {max} samples into bin {bin}"));
        }
    }
    match held.iter().take(n_bins).position(|&(_, samples)| samples == 0) {
        Some(gap) => Err(format!("it left bin {gap} empty and used bin {}", n_bins - 1)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn answers_are_held_to_every_rule() {
        let refused = |bins: &[u32], lengths: &[u32], max| check(bins, lengths, 10, max).unwrap_err();
        check(&[1, 0, 1], &[4, 10, 6], 10, Some(2)).unwrap();
        check(&[], &[], 10, None).unwrap();
        assert_eq!(refused(&[0], &[1, 1], None), "it put 1 samples into bins, it was given 2");
        assert_eq!(refused(&[0, 2], &[1, 1], None), "it put sample 1 into bin 2, 2 samples fill bins 0 to 1 at most");
        assert_eq!(refused(&[u32::MAX], &[1], None), "it put sample 0 into bin 4294967295, 1 samples fill bins 0 to 0 at most");
        assert_eq!(refused(&[0, 0], &[5, 6], None), "it put 11 tokens into bin 0, which holds 10");
        assert_eq!(refused(&[0, 0], &[1, 1], Some(1)), "it put more than 1 samples into bin 0");
        assert_eq!(refused(&[1, 1], &[1, 1], None), "it left bin 0 empty and used bin 1");
    }
}
