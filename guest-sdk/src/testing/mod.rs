//! Doubles of the host for `cargo test`: the same plugin crate, compiled natively, runs against a small dataset in memory.
//!
//! The doubles keep the contract's promises but not the host's random orders: test what a policy asks for, not which ids it gets. What would
//! be a fault in the host (a batch of the wrong size) panics with a message that begins with `fault:`.
//!
//! ```
//! use curricle_guest::{Plan, Policy, Result, Step, Stream, NoConfig, testing::Run};
//!
//! struct Everything(Stream);
//!
//! impl Policy for Everything {
//!     type Config = NoConfig;
//!     fn configure(_: NoConfig) -> Result<Self> {
//!         Ok(Everything(Stream::shuffled("everything", &[])?))
//!     }
//!     fn fill(&mut self, _: Step, plan: &mut Plan) -> Result<()> {
//!         plan.draw(self.0, plan.size())
//!     }
//! }
//!
//! let mut run = Run::new(100).start::<Everything>()?;
//! let mut ids = run.step(100)?.ids;
//! ids.sort();
//! assert_eq!(ids, (0..100).collect::<Vec<_>>());
//! # Ok::<(), curricle_guest::Error>(())
//! ```

mod analysis;
mod batch;
mod columns;
pub(crate) mod host;
mod packing;
mod run;
mod streams;

pub use self::{
    analysis::{Analysis, analyze, samples},
    batch::Batch,
    packing::pack,
    run::{Run, Started, State},
};

use serde_json::Value;

use crate::{ConfigSchema, Pacing, Packer, Result, config, schema};

/// A pacing function with this configuration.
///
/// # Errors
/// What reading the configuration or `configure` refuses.
pub fn pacing<P: Pacing>(config: Value) -> Result<P> {
    config::parse(&config.to_string()).and_then(P::configure)
}

/// A packer with this configuration.
///
/// # Errors
/// What reading the configuration or `configure` refuses.
pub fn packer<P: Packer>(config: Value) -> Result<P> {
    config::parse(&config.to_string()).and_then(P::configure)
}

/// Checks that the contract takes a configuration's schema; [`export!`](crate::export) makes a test of it.
///
/// # Panics
/// If it is larger than 64 KiB, or takes anything but an object.
pub fn check_schema<C: ConfigSchema>() {
    let text = schema::<C>();
    assert!(text.len() <= 65_536, "the schema of the configuration has {} bytes; at most 65536 are allowed", text.len());
    let kind = serde_json::from_str::<Value>(&text).ok().and_then(|schema| schema.get("type").cloned());
    assert_eq!(kind, Some(Value::from("object")), "a configuration is a struct, so that it can be read from a table of the run file");
}
