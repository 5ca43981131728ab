//! Who decides, safely: plugins as sandboxed WebAssembly components, one type of plugin and one of running instance for each world of the
//! contract in `wit/`.
//!
//! A [`PolicyPlugin`], [`MetricPlugin`], [`PacingPlugin`] or [`PackerPlugin`] is a file that was found fit: it is compiled, imports nothing
//! but what its world offers, has described itself, and its schema accepts the configuration. It makes instances: [`Policy`], [`Metric`],
//! [`Pacing`], [`Packer`]. A call of an instance is held to its [`Limits`], and its answer to the contract; what goes wrong is one
//! [`Fault`](crate::Fault), after which the instance refuses to be called. [`find`] resolves the names of built-in plugins, [`inspect`] tells
//! what a file is.
//!
//! Nothing outside of this folder knows which virtual machine runs them.

mod bindings;
mod limits;
mod contract;
mod engine;
mod report;
mod label;
mod meter;
mod log;
mod call;
mod source;
mod fetched;
mod outline;
mod cache;
mod flaw;
mod schema;
mod description;
mod world;
mod pacing;
mod metric;
mod policy_imports;
mod policy;
mod packer;
mod inspect;
#[cfg(test)]
pub(crate) mod tests;

pub use self::{
    call::Spent,
    contract::CONTRACT,
    description::find_flaw,
    engine::without_signals,
    fetched::{OCI, keep},
    flaw::Flaw,
    inspect::{Inspection, inspect, inspect_bytes},
    label::Label,
    limits::Limits,
    metric::{Metric, MetricPlugin, Needs, Samples},
    outline::Kind,
    pacing::{Pacing, PacingPlugin},
    packer::{Packer, PackerPlugin},
    policy::{Context, Filled, Policy, PolicyPlugin, Step},
    policy_imports::Pacings,
    source::{check_sha256, find, find_pinned, look_in},
    world::Description,
};
