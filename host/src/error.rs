//! What can go wrong, as one type: what could not be done, to which named thing, what was found, and what to do.

use std::{fmt, io, path::PathBuf, sync::Arc};

use crate::Fault;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that this crate refuses or fails at.
///
/// The message names the thing and says what to do about it; [`Error::code`] is for programs and stays the same across releases.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {cause}{}", path.display(), advice(cause))]
    Io {
        /// What was tried, as a verb: "open", "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said. It is part of the message, so it is no `source` that would be printed again.
        cause: Arc<io::Error>,
    },
    /// A dataset's files are damaged, foreign, or do not fit how they are opened.
    #[error("dataset `{}`: {problem}; {remedy}", path.display())]
    Dataset {
        /// The file that is at fault.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// A column is damaged, foreign, or does not fit how it is used.
    #[error("column `{column}`: {problem}; {remedy}")]
    Column {
        /// Name of the column, or the path of its file where it has no name yet.
        column: String,
        /// What was found and what was expected.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// A request that the data cannot meet: an unknown column, an empty selection.
    #[error("{problem}; {remedy}")]
    Data {
        /// What was asked and why it cannot be given.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// A run file or an option is wrong.
    #[error("{place}: {problem}; {remedy}")]
    Config {
        /// `file:line:column`, or the key or option.
        place: String,
        /// What was found and what is accepted.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// A plugin broke its contract, its limits or its neck.
    #[error(transparent)]
    Plugin(#[from] Box<Fault>),
    /// A saved state is damaged or belongs to another run.
    #[error("state `{place}`: {problem}; {remedy}")]
    State {
        /// The file, or "in memory".
        place: String,
        /// What differs.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// The ranks of a run no longer agree, so that going on would train on other batches than those planned.
    #[error("the ranks went apart: {problem}; {remedy}")]
    Ranks {
        /// Ranks that differ from most, by their place in the list that was compared, ascending.
        ranks: Vec<usize>,
        /// Which differ, at which step and in what.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// The caller asked to stop; what was done so far is kept where the operation says so.
    #[error("interrupted while {doing}; {remedy}")]
    Interrupted {
        /// What was going on.
        doing: String,
        /// How to go on.
        remedy: String,
    },
}

impl Error {
    /// A short word that stays the same across releases: `io`, `dataset`, `column`, `data`, `config`, `state`, `ranks`, `interrupted`, or
    /// `plugin-` and the [kind](crate::FaultKind) of the fault.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Io { .. } => "io",
            Error::Dataset { .. } => "dataset",
            Error::Column { .. } => "column",
            Error::Data { .. } => "data",
            Error::Config { .. } => "config",
            Error::Plugin(fault) => fault.kind.code(),
            Error::State { .. } => "state",
            Error::Ranks { .. } => "ranks",
            Error::Interrupted { .. } => "interrupted",
        }
    }

    /// For `map_err` on file operations: `File::open(&path).map_err(Error::io("open", &path))`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |cause| Error::Io { action, path, cause: Arc::new(cause) }
    }

    /// A dataset error.
    pub(crate) fn dataset(path: impl Into<PathBuf>, problem: impl fmt::Display, remedy: impl fmt::Display) -> Error {
        Error::Dataset { path: path.into(), problem: problem.to_string(), remedy: remedy.to_string() }
    }

    /// A column error.
    pub(crate) fn column(column: impl fmt::Display, problem: impl fmt::Display, remedy: impl fmt::Display) -> Error {
        Error::Column { column: column.to_string(), problem: problem.to_string(), remedy: remedy.to_string() }
    }

    /// A request that the data cannot meet.
    pub(crate) fn data(problem: impl fmt::Display, remedy: impl fmt::Display) -> Error {
        Error::Data { problem: problem.to_string(), remedy: remedy.to_string() }
    }

    /// A configuration error.
    pub(crate) fn config(place: impl fmt::Display, problem: impl fmt::Display, remedy: impl fmt::Display) -> Error {
        Error::Config { place: place.to_string(), problem: problem.to_string(), remedy: remedy.to_string() }
    }

    /// A state error.
    pub(crate) fn state(place: impl fmt::Display, problem: impl fmt::Display, remedy: impl fmt::Display) -> Error {
        Error::State { place: place.to_string(), problem: problem.to_string(), remedy: remedy.to_string() }
    }
}

/// What to do about the failures of a file system that people meet most.
fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space or write elsewhere",
        io::ErrorKind::ReadOnlyFilesystem => "; the file system is read-only, write elsewhere",
        io::ErrorKind::PermissionDenied => "; check the permissions of the file and its folder",
        io::ErrorKind::NotFound => "; check the path",
        io::ErrorKind::FileTooLarge => "; raise the limit on file size or write elsewhere",
        _ => "",
    }
}
