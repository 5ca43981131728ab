//! Texts of files as editors of other systems leave them.

/// Stands before a text to say that it is UTF-8, and is no part of it; readers of JSON refuse it.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// A text without the mark that may stand before it.
pub(crate) fn without_mark(text: String) -> String {
    match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}
