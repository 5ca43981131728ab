use exports::curricle::plugin::pacing::Guest;

use super::{Slot, policy::types};
use crate::{Pacing, config};

wit_bindgen::generate!({
    path: "wit",
    world: "pacing-plugin",
    pub_export_macro: true,
    with: {
        "curricle:plugin/types@0.1.0": crate::bindings::policy::curricle::plugin::types,
        "curricle:plugin/logging@0.1.0": crate::bindings::policy::curricle::plugin::logging,
    },
});

impl<S: Slot<Plugin: Pacing>> Guest for S {
    fn describe() -> types::Description {
        <S as Slot>::describe()
    }

    fn configure(config: String) -> Result<(), types::Error> {
        Ok(S::put(config::parse(&config).and_then(S::Plugin::configure))?)
    }

    fn difficulty(step: u64) -> f64 {
        // The host refuses NaN by name and step.
        S::with(|pacing| Ok(pacing.difficulty(step))).unwrap_or(f64::NAN)
    }
}
