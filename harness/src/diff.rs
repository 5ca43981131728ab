//! Differences for people: the lines that differ, with a little around them.

use similar::{ChangeTag, TextDiff};

/// Lines that are kept around a difference.
const CONTEXT: usize = 2;
/// Lines of a difference that are shown.
const MOST: usize = 24;
/// Characters of a line that are shown.
const WIDTH: usize = 400;

/// What has to go from `expected` (`-`) and come in (`+`) to make `found`.
pub(crate) fn lines(expected: &str, found: &str) -> String {
    let diff = TextDiff::from_lines(expected, found);
    let mut shown = Vec::new();
    for (i, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if i > 0 {
            shown.push("…".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            shown.push(cut(&format!("{sign} {}", change.value().trim_end_matches('\n'))));
        }
    }
    if shown.len() > MOST {
        let more = shown.len() - MOST;
        shown.truncate(MOST);
        shown.push(format!("… and {more} lines more"));
    }
    shown.join("\n")
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_with_its_neighbours() {
        assert_eq!(lines("a\nb\nc\nd\ne\n", "a\nb\nc\nx\ne\n"), "  b\n  c\n- d\n+ x\n  e");
        assert_eq!(lines("a", "a"), "");
        let long = "y\n".repeat(100);
        assert!(lines("", &long).ends_with("… and 76 lines more"));
    }
}
