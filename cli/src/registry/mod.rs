//! Plugins in OCI registries, in the form that the WebAssembly tools agreed on: one layer `application/wasm`, one small configuration.

mod client;
mod fetch;
mod lock;
mod pins;
mod pull;
mod push;
mod reference;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    lock::Args as LockArgs, lock::run as lock, pull::Args as PullArgs, pull::run as pull, push::Args as PushArgs, push::run as push,
};

/// Media type of a plugin's file.
const LAYER: &str = "application/wasm";
/// The same, as older tools wrote it.
const OLD_LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";

/// What is wrong with a run file or a reference, and what to do.
fn config(place: String, problem: String, remedy: &str) -> curricle::Error {
    curricle::Error::Config { place, problem, remedy: remedy.to_owned() }
}
