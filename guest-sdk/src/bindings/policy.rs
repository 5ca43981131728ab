use exports::curricle::plugin::policy::{Guest, Step as WireStep};

use super::Slot;
use crate::{Plan, Policy, Step, config};

wit_bindgen::generate!({ path: "wit", world: "policy-plugin", pub_export_macro: true });

pub use curricle::plugin::types;

impl<S: Slot<Plugin: Policy>> Guest for S {
    fn describe() -> types::Description {
        <S as Slot>::describe()
    }

    fn configure(config: String) -> Result<(), types::Error> {
        Ok(S::put(config::parse(&config).and_then(S::Plugin::configure))?)
    }

    fn fill(step: WireStep) -> Result<(), types::Error> {
        let WireStep { index, consumed_samples, consumed_tokens } = step;
        let step = Step { index, consumed_samples, consumed_tokens };
        Ok(S::with(|policy| policy.fill(step, &mut Plan::of_this_call()))?)
    }
}
