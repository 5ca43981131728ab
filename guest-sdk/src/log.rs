//! The only way to speak to a person. The host keeps 1 KiB a line and 64 lines a call; control characters are escaped.

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the author of the plugin.
    Debug,
    /// For whoever runs it.
    Info,
    /// Something that deserves a look.
    Warn,
    /// Something that is about to go wrong.
    Error,
}

/// Logs a line at `level`.
pub fn log(level: Level, message: impl AsRef<str>) {
    crate::host::log(level, message.as_ref());
}

/// Logs a line for the author of the plugin.
pub fn debug(message: impl AsRef<str>) {
    log(Level::Debug, message);
}

/// Logs a line for whoever runs the plugin.
pub fn info(message: impl AsRef<str>) {
    log(Level::Info, message);
}

/// Logs a line that deserves a look.
pub fn warn(message: impl AsRef<str>) {
    log(Level::Warn, message);
}

/// Logs a line about something that is about to go wrong.
pub fn error(message: impl AsRef<str>) {
    log(Level::Error, message);
}
