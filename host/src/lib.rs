//! Curricle feeds a model trainer: this crate owns the training data and the batching, and *what* goes into each batch is decided by
//! plugins, sandboxed WebAssembly components that anyone can write in any language.
//!
//! # The way of the data
//!
//! ```text
//! files ──> dataset ──> metrics ──> columns ──> selections ──> streams ──> policy ──> plan ──> batch ──> trainer
//!           (mmap)      (plugin)    (mmap,      (which)        (order)     (plugin)            (native)
//!                                   sorted)
//! ```
//!
//! * A [`Dataset`](dataset::Dataset) gives samples of tokens, read in place.
//! * A [`Column`](columns::Column) holds one value per sample, made by a metric plugin ([`analysis`]).
//! * A column comes from and goes to the files of DeepSpeed's analyzer, too ([`deepspeed`]).
//! * A [`Stream`](streams::Stream) is an endless order over the samples that meet conditions on columns: a function, not a table.
//! * A [policy](plugin::Policy) is called once per global batch and says how many samples to draw from which stream. It sees neither tokens
//!   nor ranks, so every rank plans the same.
//! * A [`Sampler`] is what a trainer holds: it assembles this rank's [`Batch`](batch::Batch) ahead of time and knows where it stands.
//!
//! # Example
//!
//! ```no_run
//! use curricle::{Run, Sampler};
//!
//! # fn main() -> curricle::Result<()> {
//! let run = Run::load("curricle.toml")?;
//! let mut sampler = Sampler::start(&run)?;
//! while let Some(batch) = sampler.next_batch()? {
//!     for micro_batch in &batch.micro_batches {
//!         println!("step {}: {} samples, {} tokens", batch.step, micro_batch.ids.len(), micro_batch.tokens.len());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

#![deny(missing_docs)]

#[cfg(target_endian = "big")]
compile_error!("tokens are little-endian on disk and are handed out as they lie there");

mod escape;
mod error;
mod fault;
mod hex;
mod cpu;
mod regular;
pub mod atomic;
mod claim;
mod cache_dir;
mod threads;
pub mod dataset;
pub mod columns;
pub mod streams;
pub mod pacing;
pub mod packing;
pub mod plugin;
pub mod analysis;
pub mod deepspeed;
pub mod batch;
mod sampler;

pub use crate::{
    cache_dir::cache_dir,
    error::{Error, Result},
    escape::printable,
    fault::{Fault, FaultKind},
    hex::hex,
    sampler::{
        BatchConfig, Change, Changed, DatasetConfig, FellBack, Identity, Layout, Neighbours, Next, OnFault, PacingConfig, PacingSource,
        PackerConfig, Planned, Planner, PluginConfig, RandomLtdConfig, RankDigest, ReshapeConfig, Run, RunConfig, STATE_VERSION, Sampler,
        SamplerState, TokensConfig, TruncateConfig,
    },
};
