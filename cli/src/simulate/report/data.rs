//! The numbers of the page, as its script reads them.

use serde_json::{Value, json};

use super::{
    Recording,
    bins::{Band, Spread},
    told::Told,
};

/// Streams with a line of their own; the rest is drawn as one.
const NAMED: usize = 14;
/// Columns of the picture of how often samples were given out, besides those that never were.
const TIMES: u32 = 60;

/// All that the same run always gives.
pub(super) fn fixed(recording: &Recording) -> Value {
    let Recording { told, given, .. } = recording;
    let samples: Vec<u64> = told.bins.iter().map(|bin| bin.samples).collect();
    let annotations: Vec<Value> = told
        .annotations
        .iter()
        .enumerate()
        .map(|(place, name)| {
            let bands: Vec<Band> = told.bins.iter().map(|bin| bin.annotations.get(place).copied().unwrap_or_default()).collect();
            named(name, band(&bands))
        })
        .collect();
    let columns: Vec<Value> = given
        .columns
        .iter()
        .enumerate()
        .map(|(c, column)| {
            let looked_up: Vec<u64> = given.bins.iter().map(|bin| bin.categories.get(c).map_or(0, |counts| counts.iter().sum())).collect();
            let count_of = |place: usize| given.bins.iter().map(move |bin| bin.categories.get(c).and_then(|n| n.get(place)).copied());
            let all: u64 = column.told.iter().map(|(_, n)| n).sum();
            let told = column.told.iter().enumerate().map(|(place, (name, n))| {
                let shares: Vec<Value> = count_of(place).zip(&looked_up).map(|(n, of)| share(n.unwrap_or(0), *of)).collect();
                json!({
                    "name": name, "shares": shares, "of_data": share(*n, all),
                    "share": share(count_of(place).flatten().sum(), looked_up.iter().sum()),
                })
            });
            json!({ "name": column.name, "categories": told.collect::<Vec<_>>() })
        })
        .collect();
    let percentile = |percent| given.bins.iter().map(|bin| bin.lengths.percentile(percent)).collect::<Vec<_>>();
    let all = given.all_lengths();
    let of_all = [0, 10, 50, 90, 100].map(|percent| all.percentile(percent));
    let (width, times) = given.times_seen(TIMES);
    let (tokens, places) = given.bins.iter().fold((0, 0), |(tokens, places), bin| (tokens + bin.room.0, places + bin.room.1));
    json!({
        "name": recording.name,
        "first": recording.first,
        "steps": told.bins.steps(),
        "span": told.bins.span(),
        "samples": samples,
        "streams": streams(told, &samples),
        "annotations": annotations,
        "columns": columns,
        "lengths": {
            "p10": percentile(10), "p50": percentile(50), "p90": percentile(90),
            "mean": given.bins.iter().map(|bin| bin.lengths.mean().map(short)).collect::<Vec<_>>(),
            "histogram": all.histogram().collect::<Vec<_>>(),
            "percentiles": of_all,
            "overall_mean": all.mean().map(short),
        },
        "padding": {
            "shares": given.bins.iter().map(|bin| share(bin.room.1.saturating_sub(bin.room.0), bin.room.1)).collect::<Vec<_>>(),
            "share": share(places.saturating_sub(tokens), places),
        },
        "tokens": band(&told.bins.iter().map(|bin| bin.tokens).collect::<Vec<_>>()),
        "unseen": given.bins.iter().map(|bin| short(bin.unseen)).collect::<Vec<_>>(),
        "seen": { "width": width, "times": times.into_iter().collect::<Vec<_>>(), "counted": given.seen.counted() },
        "fuel": band(&told.bins.iter().map(|bin| bin.fuel).collect::<Vec<_>>()),
        "fuel_percentiles": told.fuel.percentiles(),
        "memory": told.memory,
        "how": {
            "looked_up": given.in_words(),
            "seen": given.seen.in_words(),
            "padding": match (&given.trouble, recording.padded) {
                (Some(trouble), _) => trouble.clone(),
                (None, false) => "Nothing is filled up: the layout is packed.".to_owned(),
                (None, true) => given.in_words().replace("sample of every step", "step").replace("every sample of ", ""),
            },
        },
    })
}

/// What was measured with a clock.
pub(super) fn measured(recording: &Recording) -> Value {
    let told = &recording.told;
    let part = |band_of: fn(&super::told::Bin) -> Band, spread: &Spread| {
        let bands: Vec<Band> = told.bins.iter().map(band_of).collect();
        json!({ "band": band(&bands), "percentiles": spread.percentiles() })
    };
    json!({ "policy": part(|bin| bin.time, &told.time), "whole": part(|bin| bin.whole, &told.whole), "seconds": short(recording.seconds) })
}

/// Streams with shares of the bins, those that most was drawn from first, and the rest as one.
fn streams(told: &Told, samples: &[u64]) -> Vec<Value> {
    let drawn = |place: usize| told.bins.iter().map(move |bin| bin.draws.get(place).copied().unwrap_or(0));
    let mut by_size: Vec<(usize, u64)> = (0..told.streams.len()).map(|place| (place, drawn(place).sum())).collect();
    by_size.sort_by_key(|&(place, total)| (std::cmp::Reverse(total), place));
    let all: u64 = samples.iter().sum();
    let entry = |name: &str, length: Option<u64>, counts: &[u64]| {
        let total = counts.iter().sum();
        json!({
            "name": name, "drawn": total, "length": length, "share": share(total, all),
            "epochs": length.map(|n| short(total as f64 / n as f64)),
            "shares": counts.iter().zip(samples).map(|(n, of)| share(*n, *of)).collect::<Vec<_>>(),
        })
    };
    let named = by_size.iter().take(NAMED);
    let mut entries: Vec<Value> = named
        .filter_map(|&(place, _)| {
            let stream = told.streams.get(place)?;
            Some(entry(&stream.name, stream.length, &drawn(place).collect::<Vec<_>>()))
        })
        .collect();
    if let Some(rest) = by_size.get(NAMED..).filter(|rest| !rest.is_empty()) {
        let mut counts = vec![0; samples.len()];
        for &(place, _) in rest {
            counts.iter_mut().zip(drawn(place)).for_each(|(sum, n)| *sum += n);
        }
        entries.push(entry(&format!("{} other streams", rest.len()), None, &counts));
    }
    entries
}

fn named(name: &str, mut value: Value) -> Value {
    value["name"] = name.into();
    value
}

/// Smallest, mean and largest of each bin; null where there was nothing.
fn band(bands: &[Band]) -> Value {
    let of = |value: fn(&Band) -> f64| bands.iter().map(|band| band.mean().map(|_| short(value(band)))).collect::<Vec<_>>();
    json!({ "low": of(|band| band.low), "mean": of(|band| band.mean().unwrap_or(f64::NAN)), "high": of(|band| band.high) })
}

fn share(n: u64, of: u64) -> Value {
    if of == 0 { Value::Null } else { short(n as f64 / of as f64).into() }
}

/// Five digits, which is more than a picture shows.
fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    format!("{value:.4e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_nothing_is_divided_by_nothing() {
        assert_eq!([0.123_456_78, 1234.5678, -0.0, 1e300].map(short), [0.12346, 1234.6, 0.0, 1e300]);
        assert_eq!(share(0, 0), Value::Null);
        assert_eq!(share(1, 3), json!(0.33333));
    }
}
