//! Curricle feeds a model trainer: this crate owns the data and the batching, and *what* goes into each batch is decided by plugins,
//! sandboxed WebAssembly components.

#![deny(missing_docs)]

pub mod atomic;
mod cache_dir;
pub mod columns;
pub mod dataset;
mod error;
mod fault;
pub mod streams;

pub use crate::{
    error::{Error, Result},
    fault::{Fault, FaultKind},
};
