//! How a check ends early.

use curricle::{Error, Fault, FaultKind};

use crate::Failure;

/// Why a check ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It does not hold.
    Failed(Box<Failure>),
    /// It does not apply.
    Skipped(String),
    /// An error, of the plugin or of the machine.
    Error(Error),
}

/// What was tried, in a few words, or why the check ended early.
pub(crate) type Checked = Result<String, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Error(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(Box::new(failure))
    }
}

impl Stop {
    /// What the report says of it.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Stop::Failed(failure) => *failure,
            Stop::Skipped(reason) => Failure::new(reason, ""),
            Stop::Error(error) => Failure::new(error.to_string(), ""),
        }
    }

    /// With the place where it happened.
    pub(crate) fn at(self, place: &str) -> Stop {
        match self {
            Stop::Error(error) if is_ours(&error) => Stop::Error(error),
            Stop::Skipped(reason) => Stop::Skipped(reason),
            stop => stop.into_failure().at(place).into(),
        }
    }

    /// With more words for the command that shows it again.
    pub(crate) fn again(self, options: &str) -> Stop {
        match self {
            Stop::Failed(mut failure) => {
                failure.reproduce.push_str(options);
                Stop::Failed(failure)
            }
            Stop::Error(error) if !is_ours(&error) => Stop::from(Stop::Error(error).into_failure()).again(options),
            stop => stop,
        }
    }

    /// As an error of the plugin `name`.
    pub(crate) fn into_error(self, name: &str) -> Error {
        match self {
            Stop::Error(error) => error,
            stop => Error::from(Box::new(Fault {
                kind: FaultKind::Contract,
                plugin: name.to_owned(),
                call: "test".to_owned(),
                step: None,
                problem: stop.into_failure().problem,
                remedy: "tell the author of the plugin".to_owned(),
                deterministic: true,
                log: Vec::new(),
            })),
        }
    }
}

/// Whether an error is none of the plugin's.
pub(crate) fn is_ours(error: &Error) -> bool {
    matches!(error, Error::Io { .. } | Error::Interrupted { .. } | Error::Internal { .. })
}

/// Whether it is a refusal in the plugin's own words.
pub(crate) fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Plugin(fault) if fault.kind == FaultKind::Refused)
}
