#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

// What `#[derive(ConfigSchema)]` writes names the crate as its users do.
extern crate self as curricle_guest;

mod error;
mod config;
mod description;
mod policy;
mod metric;
mod tokens;
mod pacing;
mod packer;
mod plan;
pub mod dataset;
pub mod streams;
pub mod pacings;
pub mod shares;
pub mod sums;
pub mod log;
mod export;
mod host;

#[doc(hidden)]
#[cfg(target_family = "wasm")]
pub mod bindings;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use curricle_guest_derive::ConfigSchema;

pub use crate::{
    config::{ConfigSchema, NoConfig, Schema, parse, schema},
    dataset::Condition,
    description::Description,
    error::{Error, Result},
    metric::{Metric, Needs, Samples, Values},
    pacing::Pacing,
    packer::Packer,
    plan::Plan,
    policy::{Policy, Snapshot, Step},
    streams::{Order, Stream},
    tokens::{Token, Tokens},
};
