//! Words of messages: places in files, names that were meant, numbers for people.

/// `file:line:column` of a byte of a text, both counted from 1.
pub(crate) fn place(name: &str, text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{name}:{line}:{column}")
}

/// The known word that a misspelt one most likely stands for: at most a third of it differs.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).collect();
    known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.chars().take(64).collect::<Vec<_>>()), candidate))
        .filter(|(distance, _)| *distance * 3 <= word.len().max(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and exchanges of neighbours that turn one word into the other.
fn distance(a: &[char], b: &[char]) -> usize {
    // The rows of the table for the beginnings of `a`, the last two of which are needed.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut best = (last[j + 1] + 1).min(row[j] + 1).min(last[j] + usize::from(a[i] != b[j]));
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

/// What serde says of TOML that does not fit, as problem and remedy: an unknown key with the one that was meant.
pub(crate) fn explain(message: &str, otherwise: &str) -> (String, String) {
    let line = message.replace('\n', ", ");
    let Some(rest) = line.strip_prefix("unknown field `") else { return (line, otherwise.to_owned()) };
    let mut words = rest.split('`');
    let unknown = words.next().unwrap_or_default();
    // "unknown field `x`, expected one of `a`, `b`": every second part is a name.
    let known: Vec<&str> = words.skip(1).step_by(2).collect();
    let problem = format!("unknown key `{unknown}`");
    match nearest(unknown, known.iter().copied()) {
        Some(near) => (problem, format!("did you mean `{near}`?")),
        None if known.is_empty() => (problem, "leave it out".to_owned()),
        None => (problem, format!("known are {}", list(known))),
    }
}

/// Names in backticks.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A whole number with its thousands apart.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// Bytes, in the largest unit of which there is at least one.
pub(crate) fn bytes(n: u64) -> String {
    for (unit, size) in [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if n >= size {
            let tenths = n.saturating_mul(10) / size;
            return if tenths.is_multiple_of(10) {
                format!("{} {unit}", tenths / 10)
            } else {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            };
        }
    }
    format!("{n} bytes")
}

/// A part of a whole, in percent of it.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let thousandths = u128::from(part) * 1000 / u128::from(whole.max(1));
    match (thousandths, part) {
        (0, 1..) => "below 0.1 %".to_owned(),
        _ => format!("{}.{} %", thousandths / 10, thousandths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_told_with_the_one_that_was_meant() {
        let message = "unknown field `stpes`, expected one of `steps`, `seed`, `expect`";
        assert_eq!(explain(message, "correct it"), ("unknown key `stpes`".to_owned(), "did you mean `steps`?".to_owned()));
        let far = explain("unknown field `colour`, expected `steps` or `seed`", "correct it");
        assert_eq!(far.1, "known are `steps`, `seed`");
        assert_eq!(explain("invalid type: string \"x\"", "correct it").1, "correct it");
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!((number(7), number(1000), number(10_000_000)), ("7".into(), "1 000".into(), "10 000 000".into()));
        assert_eq!((bytes(12), bytes(1 << 20), bytes(1_300_000)), ("12 bytes".into(), "1 MiB".into(), "1.2 MiB".into()));
        assert_eq!((percent(1, 1_000_000), percent(0, 5), percent(25, 100)), ("below 0.1 %".into(), "0.0 %".into(), "25.0 %".into()));
        assert_eq!(place("f", "ab\ncd", 4), "f:2:2");
    }
}
