//! The host's functions: the imports on wasm, the doubles of `testing` elsewhere.

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::host::*;
#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::host::*;
