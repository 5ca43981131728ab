//! A metric over tokens that the scenario writes down, or over synthetic ones.

use curricle::plugin::MetricPlugin;

use super::{Scenario, place::Place, snapshot::done};
use crate::{
    data::token,
    subject::Subject,
    suite::{
        Checked, Stop,
        metric::{Found, Number, analyze, chunk},
    },
};

/// Samples that are shown to it at once, so that it sees several chunks.
const CHUNK: usize = 64;

pub(super) fn run(scenario: &Scenario, subject: &Subject) -> Checked {
    let file = &scenario.file;
    let limits = file.limits.clone().unwrap_or_else(|| subject.limits());
    let plugin = MetricPlugin::load(&subject.name, &subject.path, &scenario.config, &limits)?;
    if scenario.expects_refusal() && file.samples.is_none() && file.dataset.is_none() {
        // A configuration is refused without any data.
        plugin.instantiate()?;
        return Ok("it starts".to_owned());
    }
    let documents = documents(scenario)?;
    let largest = documents.iter().flatten().max().copied().unwrap_or(0);
    let fits = |width: &u8| u64::from(largest) < 1 << (8 * u32::from(*width));
    let widths: Vec<u8> = match file.token_width {
        Some(width) => vec![width],
        None => [1, 2, 4].into_iter().filter(fits).collect(),
    };
    if let Some(width) = widths.iter().find(|width| ![1, 2, 4].contains(*width) || !fits(width)) {
        return Err(scenario.wrong(format!("token {largest} and `token-width = {width}`"), "give 1, 2 or 4 bytes that hold every token"));
    }
    let mut found = Found::default();
    for width in &widths {
        scenario.breathe()?;
        found = analyze(&plugin, &chunk(&documents, *width, CHUNK))?;
        check(scenario, &found).map_err(|stop| stop.at(&format!("{width} bytes a token")))?;
    }
    let snapshot = scenario
        .compare_snapshot(|n| found.lines().take(usize::try_from(n).unwrap_or(usize::MAX)).map(|line| format!("{line}\n")).collect())?;
    Ok(done(format!("{} samples", documents.len()), snapshot))
}

fn documents(scenario: &Scenario) -> Result<Vec<Vec<u32>>, Stop> {
    let file = &scenario.file;
    match (&file.samples, &file.dataset) {
        (Some(samples), None) if !samples.is_empty() => Ok(samples.clone()),
        (None, Some(dataset)) => {
            let Some(n) = dataset.samples.filter(|n| (1..=1_000_000).contains(n)) else {
                return Err(scenario.wrong("the scenario of a metric takes 1 to 1000000 synthetic samples", "give `samples` in [dataset]"));
            };
            let lengths = dataset.lengths.unwrap_or_default();
            Ok((0..n).map(|i| (0..lengths.of(i)).map(|t| token(i, t)).collect()).collect())
        }
        _ => Err(scenario.wrong("there is nothing to measure", "give either `samples = [[1, 2, 3]]` or [dataset]")),
    }
}

fn check(scenario: &Scenario, found: &Found) -> Result<(), Stop> {
    let expect = &scenario.file.expect;
    let tolerance = expect.tolerance.unwrap_or(0.0);
    for (expected, found, what) in [(&expect.values, &found.values, "value"), (&expect.totals, &found.totals, "total")] {
        if let Some(expected) = expected {
            same(&scenario.spot(expected.span()), expected.get_ref(), found, what, tolerance)?;
        }
    }
    if let (Some(expected), Some(first)) = (&expect.value_type, found.values.first())
        && expected.get_ref() != first.of
    {
        return Err(scenario.spot(expected.span()).fails("values are of another type", expected.get_ref(), first.of));
    }
    Ok(())
}

fn same(place: &Place, expected: &[f64], found: &[Number], what: &str, tolerance: f64) -> Result<(), Stop> {
    let near = |expected: f64, found: &Number| {
        // A number that 32 bits do not hold was written down as it is nearest.
        let rounded = if found.of == "float32" { f64::from(expected as f32) } else { expected };
        (rounded - found.value).abs() <= tolerance
    };
    if expected.len() == found.len() && expected.iter().zip(found).all(|(expected, found)| near(*expected, found)) {
        return Ok(());
    }
    let lines = |numbers: Vec<f64>| numbers.iter().enumerate().map(|(i, number)| format!("{what} {i}: {number}\n")).collect::<String>();
    let shown = found.iter().map(|number| if number.of == "float32" { shortest(number.value) } else { number.value }).collect();
    Err(place.fails(format!("a {what} is another"), lines(expected.to_vec()), lines(shown)))
}

/// A number of 32 bits, with no more digits than tell it from others.
fn shortest(value: f64) -> f64 {
    (value as f32).to_string().parse().unwrap_or(value)
}
