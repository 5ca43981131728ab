//! The checks of metrics.

use std::{fs, time::Instant};

use curricle::{
    analysis,
    columns::Totals,
    dataset::{Dataset, Options, TokenType, View},
    plugin::MetricPlugin,
};

use super::{
    SAMPLES,
    round::{Found, Tree, analyze, analyze_as, chunk, documents, found, numbers, partials as partials_of, passes},
};
use crate::{
    Failure,
    data::{Lengths, Tokens, many_samples, write_documents},
    suite::{Checked, QUICK, Stop, bench::Bench, of_samples},
    words,
};

/// By how much, in proportion, a number may differ that was summed up in another order.
const ROUNDING: f64 = 1e-9;

fn plugin(bench: &Bench<'_>) -> Result<MetricPlugin, Stop> {
    Ok(bench.metric_with(bench.config())?)
}

/// Two analyses find the same, to the bit.
pub(super) fn same_answers(bench: &Bench<'_>) -> Checked {
    let mut tried = Vec::new();
    for n in [1, 7, SAMPLES] {
        bench.breathe()?;
        let chunks = chunk(&documents(n), 2, 50);
        let first = analyze(&plugin(bench)?, &chunks).map_err(|stop| stop.at(&of_samples(n as u64)))?;
        let second = analyze(&plugin(bench)?, &chunks)?;
        same(
            &first,
            &second,
            "a second analysis finds otherwise than the first",
            "look for what an instance knows before it is configured",
        )?;
        tried.push(n as u64);
    }
    Ok(format!("{} samples, twice", super::super::sizes(&tried)))
}

/// A value does not depend on the samples beside it, their order or the instance.
pub(super) fn chunks(bench: &Bench<'_>) -> Checked {
    let (plugin, documents) = (plugin(bench)?, documents(SAMPLES));
    let whole = chunk(&documents, 2, 50);
    let mut instances = passes(&plugin, &whole, Tree::Flat)?;
    if !instances[0].needs().values {
        return Err(Stop::Skipped("it gives samples no values".into()));
    }
    let expected = found(&mut instances, &whole)?.values;
    let remedy = "let `measure` look at each sample by itself, and at what `finish` was given";
    for each in [1, 7, 33, SAMPLES] {
        bench.breathe()?;
        // The last chunk first, so that neither instance sees them in order.
        let mut pieces = Vec::new();
        for (i, piece) in chunk(&documents, 2, each).iter().enumerate().rev() {
            let metric = &mut instances[i % 2];
            pieces.push(numbers(&metric.measure(&piece.samples(metric.needs().tokens))?));
        }
        let values = pieces.into_iter().rev().flatten().collect();
        let problem = format!("in chunks of {each}, the last first, samples have other values than in chunks of 50");
        let (expected, values) = (Found { values: expected.clone(), ..Found::default() }, Found { values, ..Found::default() });
        same(&expected, &values, &problem, remedy)?;
    }
    Ok(format!("{SAMPLES} samples in chunks of 1, 7, 33 and all, in any order, on two instances"))
}

/// The same tokens in 1, 2 and 4 bytes are the same to it.
pub(super) fn token_widths(bench: &Bench<'_>) -> Checked {
    let (plugin, documents) = (plugin(bench)?, documents(SAMPLES));
    let wide = analyze(&plugin, &chunk(&documents, 4, 50)).map_err(|stop| stop.at("tokens of 4 bytes"))?;
    for width in [1, 2] {
        bench.breathe()?;
        let place = format!("tokens of {width} byte{}", if width == 1 { "" } else { "s" });
        let narrow = analyze(&plugin, &chunk(&documents, width, 50)).map_err(|stop| stop.at(&place))?;
        let problem = format!("the same tokens come to something else in {width} than in 4 bytes");
        same(&wide, &narrow, &problem, "read `samples.width` bytes a token, little-endian and unsigned")?;
    }
    let empty = documents.iter().filter(|tokens| tokens.is_empty()).count();
    Ok(format!("1, 2 and 4 bytes a token; {empty} of {SAMPLES} samples are empty"))
}

/// `partial` tells of what came since the last, and empties.
pub(super) fn partials(bench: &Bench<'_>) -> Checked {
    let plugin = plugin(bench)?;
    let n_passes = plugin.instantiate()?.needs().passes;
    if n_passes == 0 {
        return Err(Stop::Skipped("it makes no pass".into()));
    }
    let chunks = chunk(&documents(SAMPLES), 2, 60);
    let merged = merged_results(&plugin, &chunks)?;
    for pass in 0..n_passes {
        bench.breathe()?;
        let ready = || -> curricle::Result<_> {
            let mut metric = plugin.instantiate()?;
            (0..pass).zip(&merged).try_for_each(|(pass, result)| metric.finish(pass, result))?;
            Ok(metric)
        };
        let mut used = ready()?;
        for (i, chunk) in chunks.iter().enumerate() {
            let mut fresh = ready()?;
            let samples = chunk.samples(used.needs().tokens);
            used.accumulate(pass, &samples)?;
            fresh.accumulate(pass, &samples)?;
            let (expected, found) = (fresh.partial(pass)?, used.partial(pass)?);
            if expected != found {
                let failure = Failure::new(
                    "an instance that saw other chunks before answers another partial result than a fresh one",
                    "let `partial` take what was accumulated, so that nothing of it is left",
                );
                let place = format!("pass {pass}, chunk {i}");
                return Err(failure.at(place).with_diff(bytes(&expected), bytes(&found)).into());
            }
        }
    }
    Ok(format!("{n_passes} pass{}, {} chunks", if n_passes == 1 { "" } else { "es" }, chunks.len()))
}

/// `merge` depends on what it is given, and another tree only rounds otherwise.
pub(super) fn merging(bench: &Bench<'_>) -> Checked {
    let plugin = plugin(bench)?;
    let n_passes = plugin.instantiate()?.needs().passes;
    if n_passes == 0 {
        return Err(Stop::Skipped("it makes no pass".into()));
    }
    let chunks = chunk(&documents(SAMPLES), 2, 20);
    let merged = merged_results(&plugin, &chunks)?;
    for pass in 0..n_passes {
        let mut instances = [plugin.instantiate()?, plugin.instantiate()?];
        for (pass, result) in (0..pass).zip(&merged) {
            instances.iter_mut().try_for_each(|metric| metric.finish(pass, result))?;
        }
        let partials = partials_of(&mut instances, pass, &chunks)?;
        let mut fresh = plugin.instantiate()?;
        (0..pass).zip(&merged).try_for_each(|(pass, result)| fresh.finish(pass, result))?;
        let expected = fresh.merge(pass, &partials)?;
        let again = fresh.merge(pass, &partials)?;
        let found = instances[0].merge(pass, &partials)?;
        let remedy = "let `merge` join what it is given and nothing else";
        for (result, who) in [(again, "asked a second time"), (found, "that saw samples before")] {
            if result != expected {
                let failure = Failure::new(format!("an instance {who} merges the same partial results otherwise"), remedy);
                return Err(failure.at(format!("pass {pass}")).with_diff(bytes(&expected), bytes(&result)).into());
            }
        }
    }
    let flat = analyze(&plugin, &chunks)?;
    for tree in Tree::OTHERS {
        bench.breathe()?;
        let other = analyze_as(&plugin, &chunks, tree)?;
        let problem = format!("partial results merged {} come to something else than merged {}", tree.in_words(), Tree::Flat.in_words());
        close(&flat, &other, &problem, "let `merge` be associative: keep sums and counts rather than means of means")?;
    }
    Ok(format!("{n_passes} pass{}, {} partial results in 4 trees", if n_passes == 1 { "" } else { "es" }, chunks.len()))
}

/// The result of each pass.
fn merged_results(plugin: &MetricPlugin, chunks: &[Tokens]) -> Result<Vec<Vec<u8>>, Stop> {
    let mut instances = [plugin.instantiate()?, plugin.instantiate()?];
    let mut merged = Vec::new();
    for pass in 0..instances[0].needs().passes {
        let partials = partials_of(&mut instances, pass, chunks)?;
        let result = instances[0].merge(pass, &partials)?;
        instances.iter_mut().try_for_each(|metric| metric.finish(pass, &result))?;
        merged.push(result);
    }
    Ok(merged)
}

/// The host's own analysis makes the same file on 1 and on 3 threads.
pub(super) fn threads(bench: &Bench<'_>) -> Checked {
    let plugin = plugin(bench)?;
    let mut tried = Vec::new();
    for &n in bench.sizes.iter().filter(|n| **n > 0) {
        bench.breathe()?;
        let dataset = dataset(bench, n)?;
        let analyze = |threads: usize| -> Result<Vec<u8>, Stop> {
            let target = bench.folder().join(format!("threads-{n}-{threads}")).join("column.arrow");
            let interrupted = || bench.breathe().is_err();
            let options = analysis::Options { threads, interrupted: Some(&interrupted), ..Default::default() };
            analysis::analyze(&dataset, &plugin, &target, &options)?;
            let file = if target.is_file() { target } else { Totals::beside(&target) };
            Ok(fs::read(&file).map_err(curricle::Error::io("read", &file))?)
        };
        let place = of_samples(n);
        let one = analyze(1).map_err(|stop| stop.at(&place).again(&format!(" --samples {n}")))?;
        let three = analyze(3).map_err(|stop| stop.at(&place).again(&format!(" --samples {n}")))?;
        if one != three {
            let failure = Failure::new(
                "on three threads the column is another than on one",
                "see the checks `chunks`, `partials` and `merging`: an answer depends on what the instance saw before",
            );
            return Err(Stop::from(failure.at(place)).again(&format!(" --samples {n}")));
        }
        tried.push(n);
    }
    Ok(format!("{} samples on 1 and 3 threads", super::super::sizes(&tried)))
}

fn dataset(bench: &Bench<'_>, n: u64) -> Result<Dataset, Stop> {
    let path = bench.folder().join(format!("tokens-{n}"));
    if n <= QUICK {
        write_documents(&path, n, Lengths { from: 0, to: 64 }, &|| bench.breathe())?;
        return Ok(Dataset::open(&path)?);
    }
    let path = path.with_extension("u8");
    many_samples(path.clone(), n)?;
    let options = Options { view: View::Sequences { length: 2, stride: 1 }, token_type: Some(TokenType::U8), ..Options::default() };
    Ok(Dataset::open_with(&path, &options)?)
}

/// Memory, and how fast it is: metrics have no fuel.
pub(super) fn budget(bench: &Bench<'_>) -> Checked {
    let plugin = plugin(bench)?;
    let chunks = chunk(&documents(4000), 2, 1000);
    let begun = Instant::now();
    let mut instances = passes(&plugin, &chunks, Tree::Flat)?;
    found(&mut instances, &chunks)?;
    let rounds = u64::from(instances[0].needs().passes) + u64::from(instances[0].needs().values);
    let tokens: u64 = chunks.iter().map(Tokens::len).sum::<u64>() * rounds;
    let speed = tokens as f64 / begun.elapsed().as_secs_f64() / 1e6;
    let memory = instances.iter().map(|metric| metric.spent().memory).max().unwrap_or(0);
    let limit = bench.setting.limits.memory;
    Ok(format!("memory {} ({} of its limit); {speed:.1} M tokens/s in small chunks", words::bytes(memory), words::percent(memory, limit)))
}

/// Holds what was found to what was expected, bit by bit.
fn same(expected: &Found, found: &Found, problem: &str, remedy: &str) -> Result<(), Stop> {
    if expected == found {
        return Ok(());
    }
    Err(differ(expected, found, problem, remedy))
}

/// The same, but for rounding.
fn close(expected: &Found, found: &Found, problem: &str, remedy: &str) -> Result<(), Stop> {
    let near = |a: &[super::round::Number], b: &[super::round::Number]| {
        a.len() == b.len()
            && a.iter().zip(b).all(|(a, b)| a == b || (a.value - b.value).abs() <= ROUNDING * a.value.abs().max(b.value.abs()).max(1.0))
    };
    if near(&expected.values, &found.values) && near(&expected.totals, &found.totals) {
        return Ok(());
    }
    Err(differ(expected, found, problem, remedy))
}

fn differ(expected: &Found, found: &Found, problem: &str, remedy: &str) -> Stop {
    let (a, b): (Vec<String>, Vec<String>) = (expected.lines().collect(), found.lines().collect());
    let first = (0..a.len().max(b.len())).find(|i| a.get(*i) != b.get(*i)).unwrap_or(0);
    // The first that differs says more than all of them.
    let lines = |lines: &[String]| lines.iter().skip(first.saturating_sub(1)).take(4).map(|line| format!("{line}\n")).collect::<String>();
    Failure::new(problem, remedy).with_diff(lines(&a), lines(&b)).into()
}

fn bytes(bytes: &[u8]) -> String {
    let end = if bytes.len() > 64 { " …" } else { "" };
    format!("{} bytes: {}{end}", bytes.len(), curricle::hex(bytes.get(..64).unwrap_or(bytes)))
}
