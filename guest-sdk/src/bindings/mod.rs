//! The component model's side: generated code, and the conversions between it and what an author sees. Present on wasm only.

#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "generated code")]
#![allow(clippy::all, clippy::undocumented_unsafe_blocks, clippy::allow_attributes_without_reason, reason = "generated code")]

pub mod host;
pub mod metric;
pub mod packer;
pub mod pacing;
pub mod policy;
pub mod snapshot;

use std::{cell::RefCell, sync::Once, thread::LocalKey};

use crate::{Error, Result, description::Description, log};

/// Where the one instance of a plugin lives, and who it is. Implemented by `export!`.
pub trait Slot: 'static {
    type Plugin: 'static;
    const DESCRIPTION: Description;
    fn schema() -> String;
    fn slot() -> &'static LocalKey<RefCell<Option<Self::Plugin>>>;

    fn describe() -> policy::types::Description {
        report_panics();
        let Description { name, version, summary } = Self::DESCRIPTION;
        policy::types::Description { name: name.into(), version: version.into(), summary: summary.into(), config_schema: Self::schema() }
    }

    fn put(plugin: Result<Self::Plugin>) -> Result<()> {
        report_panics();
        let plugin = plugin?;
        Self::slot().with_borrow_mut(|slot| *slot = Some(plugin));
        Ok(())
    }

    fn with<R>(call: impl FnOnce(&mut Self::Plugin) -> Result<R>) -> Result<R> {
        Self::slot().with_borrow_mut(|slot| match slot {
            Some(plugin) => call(plugin),
            None => Err(Error::state("the host called before `configure`")),
        })
    }
}

/// A panic becomes a trap, which says nothing; its message goes to the log, which the host shows beside the trap.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|panic| log::error(panic.to_string()))));
}

impl From<Error> for policy::types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Config(text) => Self::Config(text),
            Error::Data(text) => Self::Data(text),
            Error::State(text) => Self::State(text),
            Error::Exhausted => Self::Exhausted,
        }
    }
}

impl From<policy::types::Error> for Error {
    fn from(error: policy::types::Error) -> Self {
        use policy::types::Error as E;
        match error {
            E::Config(text) => Self::Config(text),
            E::Data(text) => Self::Data(text),
            E::State(text) => Self::State(text),
            E::Exhausted => Self::Exhausted,
        }
    }
}
