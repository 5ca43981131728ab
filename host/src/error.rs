//! What can go wrong, as one type: what could not be done, to which named thing, what was found, and what to do.

use std::{
    any::Any,
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
};

use crate::{Fault, escape};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that this crate refuses or fails at.
///
/// The message names the thing and says what to do about it; [`Error::code`] is for programs and stays the same across releases.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {cause}{}", escape::path(path), advice(cause))]
    Io {
        /// What was tried, as a verb: "open", "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said. It is part of the message, so it is no `source` that would be printed again.
        cause: Arc<io::Error>,
    },
    /// A dataset's files are damaged, foreign, or do not fit how they are opened.
    #[error("dataset `{}`: {problem}; {remedy}", escape::path(path))]
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
    /// This library itself failed: a panic, caught so that the process with its training goes on.
    #[error("internal error while {doing}: {problem}; this is a defect of Curricle: save what you have, and report it with this message")]
    Internal {
        /// What was going on: the call, plugin and step, or the work.
        doing: String,
        /// What the panic said.
        problem: String,
    },
}

impl Error {
    /// A short word that stays the same across releases: `io`, `dataset`, `column`, `data`, `config`, `state`, `ranks`, `interrupted`,
    /// `internal`, or `plugin-` and the [kind](crate::FaultKind) of the fault.
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
            Error::Internal { .. } => "internal",
        }
    }

    /// For `map_err` on file operations: `File::open(&path).map_err(Error::io("open", &path))`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |cause| Error::Io { action, path, cause: Arc::new(cause) }
    }

    /// A dataset error.
    pub(crate) fn dataset(path: impl Into<PathBuf>, problem: impl fmt::Display, remedy: impl fmt::Display) -> Error {
        Error::Dataset { path: path.into(), problem: shown(problem), remedy: shown(remedy) }
    }

    /// A column error.
    pub(crate) fn column(column: impl fmt::Display, problem: impl fmt::Display, remedy: impl fmt::Display) -> Error {
        Error::Column { column: shown(column), problem: shown(problem), remedy: shown(remedy) }
    }

    /// A request that the data cannot meet.
    pub(crate) fn data(problem: impl fmt::Display, remedy: impl fmt::Display) -> Error {
        Error::Data { problem: shown(problem), remedy: shown(remedy) }
    }

    /// A configuration error.
    pub(crate) fn config(place: impl fmt::Display, problem: impl fmt::Display, remedy: impl fmt::Display) -> Error {
        Error::Config { place: shown(place), problem: shown(problem), remedy: shown(remedy) }
    }

    /// A state error.
    pub(crate) fn state(place: impl fmt::Display, problem: impl fmt::Display, remedy: impl fmt::Display) -> Error {
        Error::State { place: shown(place), problem: shown(problem), remedy: shown(remedy) }
    }

    /// What is left of a panic.
    pub(crate) fn internal(doing: impl fmt::Display, panic: &(dyn Any + Send)) -> Error {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let problem = escape::escape(text.unwrap_or("a panic that says nothing"), MAX_PANIC);
        Error::Internal { doing: shown(doing), problem }
    }

    /// Does some work; a panic in it becomes [`Error::Internal`], named by `doing`. What the work had in hand is not to be used again.
    pub(crate) fn guard<R>(doing: impl FnOnce() -> String, work: impl FnOnce() -> Result<R>) -> Result<R> {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Error::internal(doing(), &*panic)))
    }
}

/// Bytes of a panic's words that are kept.
const MAX_PANIC: usize = 1000;

/// Part of a message, in which there may be names of files, keys and columns that others chose.
fn shown(part: impl fmt::Display) -> String {
    escape::printable(part.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_others_chose_move_no_cursor() {
        let error = Error::config("run.toml:1:1", "unknown key `\x1b[2J`", "leave it out");
        assert_eq!(error.to_string(), "run.toml:1:1: unknown key `\\u{1b}[2J`; leave it out");
        let error = Error::io("open", "a\nb\x07")(io::ErrorKind::NotFound.into());
        assert_eq!(error.to_string(), "cannot open `a\\nb\\u{7}`: entity not found; check the path");
    }

    #[test]
    fn a_panic_is_an_error_with_its_words() {
        let error = Error::guard(|| "counting".to_owned(), || -> Result<()> { panic!("step {}", 3) }).unwrap_err();
        assert_eq!(error.code(), "internal");
        assert_eq!(
            error.to_string(),
            "internal error while counting: step 3; this is a defect of Curricle: save what you have, and report it with this message"
        );
        assert_eq!(Error::guard(String::new, || Ok(5)).unwrap(), 5);
    }
}
