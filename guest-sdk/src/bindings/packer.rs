use exports::curricle::plugin::packer::Guest;

use super::{Slot, policy::types};
use crate::{Packer, config};

wit_bindgen::generate!({
    path: "wit",
    world: "packer-plugin",
    pub_export_macro: true,
    with: {
        "curricle:plugin/types@0.1.0": crate::bindings::policy::curricle::plugin::types,
        "curricle:plugin/logging@0.1.0": crate::bindings::policy::curricle::plugin::logging,
    },
});

impl<S: Slot<Plugin: Packer>> Guest for S {
    fn describe() -> types::Description {
        <S as Slot>::describe()
    }

    fn configure(config: String) -> Result<(), types::Error> {
        Ok(S::put(config::parse(&config).and_then(S::Plugin::configure))?)
    }

    fn pack(lengths: Vec<u32>, capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>, types::Error> {
        Ok(S::with(|packer| packer.pack(&lengths, capacity, max_samples))?)
    }
}
