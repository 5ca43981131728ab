//! What an instance holds, counted as it grows.

use wasmtime::ResourceLimiter;

use super::limits::{Limits, show_bytes};

/// Bytes that a table element is counted as.
const TABLE_ELEMENT: u64 = 8;

/// Counts memories and tables of one instance together.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: u64,
    used: u64,
    parts: usize,
    /// The last thing that was not granted.
    refused: Option<Refused>,
}

/// What was not granted, as a problem.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) problem: String,
    /// Whether it was the limit that refused, which every machine has, or this machine.
    pub(crate) by_limit: bool,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Meter {
        Meter { limit: limits.memory, used: 0, parts: limits.parts as usize, refused: None }
    }

    /// Bytes that it holds.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// What was refused.
    pub(crate) fn take_refused(&mut self) -> Option<Refused> {
        self.refused.take()
    }

    /// A refusal must end the call: a guest that sees a growth fail would act upon it, and so depend on the limit.
    fn grow(&mut self, what: &str, more: u64) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(more);
        if used > self.limit {
            let (have, limit) = (show_bytes(self.used), show_bytes(self.limit));
            let problem = format!("it holds {have} and wants {} more {what}, its limit is {limit}", show_bytes(more));
            self.refused = Some(Refused { problem, by_limit: true });
            return Err(wasmtime::Error::msg("over the limit on memory"));
        }
        self.used = used;
        Ok(true)
    }

    fn failed(&mut self, what: &str) -> wasmtime::Result<()> {
        let problem = format!("the machine has no more {what} to give, it holds {}", show_bytes(self.used));
        self.refused = Some(Refused { problem, by_limit: false });
        Err(wasmtime::Error::msg("the machine is out of memory"))
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Over the component's own maximum it fails everywhere alike, as its author asked.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow("memory", desired.saturating_sub(current) as u64)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.failed("memory")
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow("for tables", (desired.saturating_sub(current) as u64).saturating_mul(TABLE_ELEMENT))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.failed("memory for tables")
    }

    fn instances(&self) -> usize {
        self.parts
    }

    fn tables(&self) -> usize {
        self.parts
    }

    fn memories(&self) -> usize {
        self.parts
    }
}
