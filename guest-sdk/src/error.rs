use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a plugin, or the host, refuses.
///
/// A refusal is an answer, not a crash. The host shows the text after the plugin's name, the call and the step, so it needs to name none of
/// these: one sentence without full stop that says what was found, what is accepted and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The configuration is wrong: the text names the key, what was found and what is accepted.
    Config(String),
    /// The dataset lacks what is needed: a column, a category, enough samples.
    Data(String),
    /// A stream or a saved state does not belong to what it is used with.
    State(String),
    /// Nothing is left to give. From [`Policy::fill`](crate::Policy::fill) it ends training cleanly; from anything else it is a fault.
    Exhausted,
}

impl Error {
    /// A wrong configuration. `key` is where, such as `weights.code`.
    pub fn config(key: impl fmt::Display, problem: impl fmt::Display) -> Error {
        Error::Config(format!("`{key}`: {problem}"))
    }

    /// Something that the dataset lacks.
    pub fn data(problem: impl Into<String>) -> Error {
        Error::Data(problem.into())
    }

    /// A state that does not fit.
    pub fn state(problem: impl Into<String>) -> Error {
        Error::State(problem.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Config(text) => write!(f, "configuration: {text}"),
            Error::Data(text) => write!(f, "data: {text}"),
            Error::State(text) => write!(f, "state: {text}"),
            Error::Exhausted => f.write_str("nothing is left to give"),
        }
    }
}

impl std::error::Error for Error {}
