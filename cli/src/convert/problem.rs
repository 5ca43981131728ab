//! What is wrong with a configuration, and where.

/// Something that cannot be translated, or that DeepSpeed would have ignored in silence.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    /// Keys from the top, joined by dots; empty for the file.
    pub(super) path: String,
    /// Line of the input, from 1; that of the block where a key is missing.
    pub(super) line: usize,
    pub(super) problem: String,
    pub(super) remedy: String,
}
