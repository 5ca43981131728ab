//! The contract as Rust types and traits, generated from `wit/`.
//!
//! One world that includes them all, so that a type of `wit/types.wit` is one Rust type whichever world uses it. No component implements
//! this world: each file of this folder links the imports and looks up the exports of its own.

#![allow(missing_docs, unreachable_pub, missing_debug_implementations, reason = "generated; `wit/` is the documentation")]

wasmtime::component::bindgen!({
    path: "wit",
    inline: "
        package curricle:host;
        world everything {
            include curricle:plugin/pacing-plugin@0.1.0;
            include curricle:plugin/metric-plugin@0.1.0;
            include curricle:plugin/stateful-policy-plugin@0.1.0;
            include curricle:plugin/packer-plugin@0.1.0;
        }
    ",
    // A host function may end the call: what a guest must not do is a fault, not an answer.
    imports: { default: trappable },
    // Lists go to the guest straight from borrowed memory.
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(crate) use self::curricle::plugin::{dataset, logging, pacings, plan, streams, types};
pub(crate) use exports::curricle::plugin::{metric, pacing, packer, policy, snapshot};
