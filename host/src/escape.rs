//! What others wrote (plugins, file names, run files), made safe to show.

use std::{fmt::Write, path::Path};

/// A text on one line, without what could move a terminal's cursor or reverse its text; cut where it would come to more than `max` bytes.
pub(crate) fn escape(text: &str, max: usize) -> String {
    let mut escaped = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let before = escaped.len();
        match c {
            '\n' => escaped.push_str("\\n"),
            _ => push(&mut escaped, c),
        }
        if escaped.len() > max {
            escaped.truncate(before);
            escaped.push('…');
            break;
        }
    }
    escaped
}

/// A path on one line.
pub(crate) fn path(path: &Path) -> String {
    escape(&path.display().to_string(), usize::MAX)
}

/// A text that others' words are part of, such as a plugin's or a file's, made safe to show: what could move a terminal's cursor or reverse
/// its text becomes an escape such as `\u{1b}`. Its line breaks stay.
pub fn printable(text: String) -> String {
    if !text.chars().any(|c| c != '\n' && is_unsafe(c)) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push('\n'),
            _ => push(&mut escaped, c),
        }
    }
    escaped
}

fn push(escaped: &mut String, c: char) {
    match c {
        '\r' => escaped.push_str("\\r"),
        '\t' => escaped.push_str("\\t"),
        _ if is_unsafe(c) => {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
        }
        _ => escaped.push(c),
    }
}

fn is_unsafe(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Marks that change the direction of a text, line and paragraph separators, zero-width characters.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_gets_through() {
        assert_eq!(escape("a\x1b[2J\n\u{202e}é", 99), "a\\u{1b}[2J\\n\\u{202e}é");
        assert_eq!(path(Path::new("a\x07/b\n")), "a\\u{7}/b\\n");
        assert_eq!(printable("a\nb\x1b[2J\t".to_owned()), "a\nb\\u{1b}[2J\\t");
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        assert_eq!(escape("aéé", 4), "aé…");
        assert_eq!(escape("aéé", 5), "aéé");
        assert_eq!(escape("é", 0), "…");
        assert_eq!(escape("\0\0\0", 11), "\\u{0}\\u{0}…");
    }
}
