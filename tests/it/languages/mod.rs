//! The worked examples of `plugins/languages`: one policy and one metric, in every language, and the same in all.

/// What is common to the rest: which languages there are, runs and columns.
mod examples;
/// The same numbers in every language.
mod equality;
/// Builds, and what is said where there is none.
mod building;
/// Interrupts, and builds at once.
mod processes;
/// What is wrong is refused alike.
mod refusals;
/// Memory stays flat, whatever is allocated.
mod soak;
/// The reader of the configuration that plugins in C have.
mod json;
/// Texts of plugins in C that are no UTF-8, or longer than a line.
mod utf8;
