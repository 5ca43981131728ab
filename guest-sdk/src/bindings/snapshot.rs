use exports::curricle::plugin::snapshot::Guest;

use super::{Slot, policy::types};
use crate::Snapshot;

// The policy's half of the stateful world is that of `policy-plugin`; what is left is this.
wit_bindgen::generate!({
    inline: "package curricle:guest-sdk; world snapshot-half { export curricle:plugin/snapshot@0.1.0; }",
    path: "wit",
    pub_export_macro: true,
    with: {
        "curricle:plugin/types@0.1.0": crate::bindings::policy::curricle::plugin::types,
        "curricle:plugin/snapshot@0.1.0": generate,
    },
});

impl<S: Slot<Plugin: Snapshot>> Guest for S {
    fn save() -> Vec<u8> {
        S::with(|policy| Ok(policy.save())).unwrap_or_default()
    }

    fn restore(state: Vec<u8>) -> Result<(), types::Error> {
        Ok(S::with(|policy| policy.restore(&state))?)
    }
}
