//! Which keys of a scenario go with which kind of plugin, and with each other.

use curricle::{Error, Result};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::file::File;
use crate::words;

/// Keys that only some kinds of plugins have: the key, and the kinds.
const KEYS: [(&str, &[&str]); 12] = [
    ("steps", &["policy", "pacing"]),
    ("global-batch-size", &["policy"]),
    ("seed", &["policy"]),
    ("epochs", &["policy"]),
    ("drop-last", &["policy"]),
    ("dataset", &["policy", "metric"]),
    ("pacing", &["policy"]),
    ("samples", &["metric"]),
    ("token-width", &["metric"]),
    ("lengths", &["packer"]),
    ("capacity", &["packer"]),
    ("max-samples", &["packer"]),
];

/// The same of `[expect]`.
const EXPECT_KEYS: [(&str, &[&str]); 17] = [
    ("once-before-twice", &["policy"]),
    ("exhausted-after", &["policy"]),
    ("never-above", &["policy"]),
    ("never-below", &["policy"]),
    ("shares", &["policy"]),
    ("annotations", &["policy"]),
    ("truncation", &["policy"]),
    ("values", &["metric"]),
    ("totals", &["metric"]),
    ("type", &["metric"]),
    ("tolerance", &["metric", "pacing"]),
    ("difficulty", &["pacing"]),
    ("never-falls", &["pacing"]),
    ("bins", &["packer"]),
    ("at-most-bins", &["packer"]),
    ("fill-at-least", &["packer"]),
    ("snapshot", &["policy", "metric", "pacing"]),
];

/// Samples that are made for a policy at most, tokens of one, and tokens of all: on a disk for a policy, in memory for a metric.
const SAMPLES: u64 = 100_000_000;
const LONGEST: u64 = 1 << 24;
const TOKENS: u64 = 1 << 31;
const TOKENS_OF_METRIC: u64 = 1 << 27;
/// Lines of a snapshot at most.
const SNAPSHOT: u64 = 1_000_000;
/// Keys of `[dataset]` that go with a dataset that is there, and those that make one.
const OF_PATH: [&str; 2] = ["sequence-length", "stride"];
const OF_SYNTHETIC: [&str; 2] = ["samples", "lengths"];

/// Refuses keys that have no meaning for this kind of plugin, `policy`, `metric`, `pacing` or `packer`, or beside another key.
pub(super) fn check(text: &str, name: &str, kind: &str) -> Result<()> {
    let Ok(document) = DeTable::parse(text) else { return Ok(()) };
    let root = document.get_ref();
    let refuse = |key: usize, problem: String, remedy: String| Err(Error::Config { place: words::place(name, text, key), problem, remedy });
    for (table, keys) in [(Some(root), &KEYS[..]), (inner(root, "expect"), &EXPECT_KEYS[..])] {
        for (key, _) in table.into_iter().flat_map(|table| table.iter()) {
            let word: &str = key.get_ref();
            let known = keys.iter().find(|(known, _)| *known == word);
            if let Some((_, kinds)) = known.filter(|(_, kinds)| !kinds.contains(&kind)) {
                let remedy = format!("it belongs to a scenario of a {}; leave it out", kinds.join(" or a "));
                return refuse(key.span().start, format!("`{word}` has no meaning for a {kind}"), remedy);
            }
        }
    }
    let Some(dataset) = inner(root, "dataset") else { return Ok(()) };
    let has_path = dataset.iter().any(|(key, _)| key.get_ref() == "path");
    for (key, _) in dataset {
        let (word, at): (&str, usize) = (key.get_ref(), key.span().start);
        if kind == "metric" && !OF_SYNTHETIC.contains(&word) {
            let remedy = "it measures `samples` with `lengths`, or the `samples = [[1, 2, 3]]` of the scenario; leave it out";
            return refuse(at, format!("`{word}` has no meaning in the [dataset] of a metric"), remedy.into());
        }
        if OF_PATH.contains(&word) && !has_path {
            let remedy = "give the `path` of a dataset, or leave it out: a synthetic sample has the tokens of `lengths`";
            return refuse(at, format!("`{word}` has no meaning without `path`"), remedy.into());
        }
        if OF_SYNTHETIC.contains(&word) && has_path {
            return refuse(
                at,
                format!("`{word}` has no meaning beside `path`"),
                "the dataset there has its own; leave one of them out".into(),
            );
        }
    }
    Ok(())
}

/// Refuses more data, or a longer snapshot, than a test should make.
pub(super) fn check_sizes(file: &File, text: &str, name: &str, kind: &str) -> Result<()> {
    let refuse = |key: &str, problem: String, most: u64| {
        let place = find(text, key).map_or_else(|| name.to_owned(), |at| words::place(name, text, at));
        Err(Error::Config { place, problem, remedy: format!("give at most {}", words::number(most)) })
    };
    if let Some(n) = file.expect.snapshot.as_ref().map(|n| *n.get_ref()).filter(|n| *n > SNAPSHOT) {
        return refuse("expect.snapshot", format!("a snapshot of {} lines", words::number(n)), SNAPSHOT);
    }
    let Some(dataset) = &file.dataset else { return Ok(()) };
    let (samples, lengths) = (dataset.n_synthetic(), dataset.lengths.unwrap_or_default());
    if samples > SAMPLES {
        return refuse("dataset.samples", format!("{} synthetic samples", words::number(samples)), SAMPLES);
    }
    if u64::from(lengths.to) > LONGEST {
        return refuse("dataset.lengths", format!("a synthetic sample of {} tokens", words::number(lengths.to.into())), LONGEST);
    }
    // Lengths are spread evenly. Neither factor is large enough to overflow.
    let tokens = samples * (u64::from(lengths.from) + u64::from(lengths.to)) / 2;
    let most = if kind == "metric" { TOKENS_OF_METRIC } else { TOKENS };
    if tokens > most {
        return refuse("dataset.samples", format!("about {} synthetic tokens in all", words::number(tokens)), most);
    }
    Ok(())
}

/// Where the value of a key such as `config.metrics[0].column` begins, or the nearest one around it that is there.
pub(super) fn find(text: &str, key: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let (mut found, mut table) = (None, Some(document.get_ref()));
    for part in key.split('.') {
        let (name, indices) = part.split_once('[').map_or((part, ""), |(name, rest)| (name, rest));
        let Some(mut value) = table.and_then(|table| table.iter().find(|(known, _)| known.get_ref() == name)).map(|(_, value)| value)
        else {
            break;
        };
        for index in indices.split('[') {
            let item = index.trim_end_matches(']').parse::<usize>().ok();
            value = item.and_then(|item| value.get_ref().as_array()?.get(item)).unwrap_or(value);
        }
        found = Some(value.span().start);
        table = value.get_ref().as_table();
    }
    found
}

/// Refuses numbers in `[expect]` that nothing can be held to.
pub(super) fn check_numbers(text: &str, name: &str) -> Result<()> {
    let Ok(document) = DeTable::parse(text) else { return Ok(()) };
    let Some(expect) = inner(document.get_ref(), "expect") else { return Ok(()) };
    let refuse = |at: usize, problem: String, remedy: &str| {
        Err(Error::Config { place: words::place(name, text, at), problem, remedy: remedy.into() })
    };
    for (key, value) in expect {
        let word: &str = key.get_ref();
        if let Some(at) = not_a_number(value) {
            return refuse(at, format!("`nan` in `{word}` is neither above nor below anything"), "give a number");
        }
        let number = match value.get_ref() {
            DeValue::Float(number) => number.as_str().replace('_', "").parse().ok(),
            DeValue::Integer(number) if number.as_str().starts_with('-') => Some(-1.0),
            _ => None,
        };
        if word == "tolerance" && number.is_some_and(|number: f64| !number.is_finite() || number < 0.0) {
            return refuse(value.span().start, "`tolerance` is no distance".to_owned(), "give 0 or more, and no infinity");
        }
    }
    Ok(())
}

/// Where a value has a NaN.
fn not_a_number(value: &Spanned<DeValue<'_>>) -> Option<usize> {
    match value.get_ref() {
        DeValue::Float(number) => number.as_str().ends_with("nan").then(|| value.span().start),
        DeValue::Array(list) => list.iter().find_map(not_a_number),
        DeValue::Table(table) => table.iter().find_map(|(_, value)| not_a_number(value)),
        _ => None,
    }
}

fn inner<'a, 't>(table: &'a DeTable<'t>, name: &str) -> Option<&'a DeTable<'t>> {
    table.iter().find(|(key, _)| key.get_ref() == name).and_then(|(_, value)| value.get_ref().as_table())
}
