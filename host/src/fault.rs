//! What comes back when a plugin fails: data only, so that every layer can carry it.

use std::fmt;

/// Kinds of faults, by what an operator does about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The file is no component, or cannot be compiled.
    Load,
    /// The component is of another world or version, or asks for imports that it is not granted.
    Link,
    /// It used more memory, fuel, time or room for answers than it is allowed.
    Limit,
    /// It trapped: a panic, an access out of bounds, a stack overflow.
    Trap,
    /// It answered what its contract forbids: a wrong count, NaN, an unknown stream.
    Contract,
    /// It refused its configuration or the data, in its own words.
    Refused,
    /// It refused the state that it was given back.
    State,
}

impl FaultKind {
    /// The code of [`Error::code`](crate::Error::code).
    pub fn code(self) -> &'static str {
        match self {
            FaultKind::Load => "plugin-load",
            FaultKind::Link => "plugin-link",
            FaultKind::Limit => "plugin-limit",
            FaultKind::Trap => "plugin-trap",
            FaultKind::Contract => "plugin-contract",
            FaultKind::Refused => "plugin-refused",
            FaultKind::State => "plugin-state",
        }
    }
}

/// One failed call of a plugin, told whole: who, in which call, at which step, what happened, what to do, and its last words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of failure.
    pub kind: FaultKind,
    /// Name or path of the plugin, as the run file or the command line gave it.
    pub plugin: String,
    /// The call that failed, as `interface.function`; `load` before any call.
    pub call: String,
    /// Step of the run, where there is one.
    pub step: Option<u64>,
    /// What happened: one sentence without full stop, names and numbers in it.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether every machine comes to the same end at the same call, so that all ranks see this fault at the same step. Not so where time
    /// ran out, the machine had no more to give, or calls nested too deep: frames on the stack are as large as the processor makes them.
    pub deterministic: bool,
    /// Last log lines of the plugin in the failed call, oldest first, escaped.
    pub log: Vec<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin `{}`, {}", self.plugin, self.call)?;
        if let Some(step) = self.step {
            write!(f, ", step {step}")?;
        }
        write!(f, ": {}; {}", self.problem, self.remedy)?;
        for line in &self.log {
            write!(f, "\n  it logged: {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
