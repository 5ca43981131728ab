//! Packers: bins that hold what they may, and the same ones for the same question.

use std::fmt;

use curricle::plugin::Packer;
use serde_json::Value;

use super::{CheckFn, Checked, Stop, bench::Bench, elsewhere::another_process};
use crate::{Failure, data::noise, words};

pub(super) fn checks() -> Vec<(&'static str, CheckFn)> {
    vec![
        ("bins", bins),
        ("same-answers", same_answers),
        ("another-process", |bench| another_process(bench, answers(bench))),
        ("same-question", same_question),
        ("budget", budget),
    ]
}

/// A question to a packer.
#[derive(Debug)]
struct Question {
    lengths: Vec<u32>,
    capacity: u32,
    max_samples: Option<u32>,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Question { lengths, capacity, max_samples } = self;
        let shown: Vec<String> = lengths.iter().take(12).map(u32::to_string).collect();
        let more = if lengths.len() > 12 { ", …" } else { "" };
        write!(f, "{} lengths ({}{more}), capacity {capacity}", lengths.len(), shown.join(", "))?;
        if let Some(max) = max_samples {
            write!(f, ", at most {max} samples a bin")?;
        }
        Ok(())
    }
}

/// Ordinary questions and extremes.
fn questions() -> Vec<Question> {
    let drawn = |n: u64, capacity: u32, salt: u64| -> Vec<u32> {
        (0..n).map(|i| 1 + (noise(i ^ salt << 32) % u64::from(capacity)) as u32).collect()
    };
    let mut found = Vec::new();
    let mut ask = |lengths: Vec<u32>, capacity, max_samples| found.push(Question { lengths, capacity, max_samples });
    ask(vec![1], 1, None);
    ask(vec![1], 1, Some(1));
    ask(vec![2048], 2048, None);
    ask(vec![u32::MAX], u32::MAX, None);
    ask(vec![u32::MAX, 1, u32::MAX], u32::MAX, Some(2));
    ask(vec![3, 8, 5, 2, 10, 1, 1, 7], 10, None);
    ask(vec![3, 8, 5, 2, 10, 1, 1, 7], 10, Some(2));
    ask(vec![10; 9], 10, None);
    ask(vec![1; 100], 10, Some(1));
    ask(vec![1; 100], 1000, Some(7));
    ask((1..=64).collect(), 64, None);
    ask((1..=64).rev().collect(), 64, None);
    for salt in 0..6 {
        ask(drawn(64, 2048, salt), 2048, None);
    }
    ask(drawn(1000, 4096, 9), 8192, Some(16));
    ask(drawn(10_000, 512, 10), 2048, None);
    found
}

pub(super) fn try_out(bench: &Bench<'_>, config: &Value) -> Result<(), Stop> {
    let plugin = bench.packer_with(config)?;
    let mut packer = plugin.instantiate()?;
    questions().iter().take(14).try_for_each(|question| pack(&mut packer, question).map(drop))
}

/// Bins, a line for each question.
pub(super) fn answers(bench: &Bench<'_>) -> Result<String, Stop> {
    let mut packer = start(bench)?;
    let mut lines = String::new();
    for question in questions() {
        lines.push_str(&format!("{question}: {:?}\n", pack(&mut packer, &question)?));
    }
    Ok(lines)
}

fn start(bench: &Bench<'_>) -> Result<Packer, Stop> {
    Ok(bench.packer_with(bench.config())?.instantiate()?)
}

/// Asks; the host holds the answer to the contract.
fn pack(packer: &mut Packer, question: &Question) -> Result<Vec<u32>, Stop> {
    let Question { lengths, capacity, max_samples } = question;
    packer.pack(lengths, *capacity, *max_samples).map_err(|error| Stop::from(error).at(&question.to_string()))
}

fn bins(bench: &Bench<'_>) -> Checked {
    let mut packer = start(bench)?;
    let (mut tokens, mut room) = (0, 0);
    let questions = questions();
    for question in &questions {
        bench.breathe()?;
        let bins = pack(&mut packer, question)?;
        if question.capacity == 2048 && question.max_samples.is_none() {
            tokens += question.lengths.iter().map(|length| u64::from(*length)).sum::<u64>();
            room += u64::from(bins.iter().max().map_or(0, |bin| bin + 1)) * 2048;
        }
    }
    Ok(format!("{} questions; bins of 2048 are {} full", questions.len(), words::percent(tokens, room)))
}

fn same_answers(bench: &Bench<'_>) -> Checked {
    let (mut one, mut other) = (start(bench)?, start(bench)?);
    let questions = questions();
    for question in &questions {
        let (expected, found) = (pack(&mut one, question)?, pack(&mut other, question)?);
        same(question, &expected, &found, "a second instance packs otherwise than the first")?;
    }
    Ok(format!("{} questions", questions.len()))
}

/// Backwards, again, and as the first question of an instance.
fn same_question(bench: &Bench<'_>) -> Checked {
    let questions = questions();
    let mut packer = start(bench)?;
    let expected: Vec<Vec<u32>> = questions.iter().map(|question| pack(&mut packer, question)).collect::<Result<_, _>>()?;
    for (question, expected) in questions.iter().zip(&expected).rev() {
        bench.breathe()?;
        same(question, expected, &pack(&mut packer, question)?, "asked a second time it packs otherwise than the first")?;
        same(
            question,
            expected,
            &pack(&mut start(bench)?, question)?,
            "asked nothing before it packs otherwise than after other questions",
        )?;
    }
    Ok(format!("{} questions in two orders, and each alone", questions.len()))
}

fn budget(bench: &Bench<'_>) -> Checked {
    let mut packer = start(bench)?;
    let mut worst = (0, String::new());
    for question in questions() {
        pack(&mut packer, &question)?;
        worst = worst.max((packer.spent().fuel, format!("{} lengths", words::number(question.lengths.len() as u64))));
    }
    let (limits, memory) = (&bench.setting.limits, packer.spent().memory);
    Ok(format!(
        "worst are {}: fuel {} ({} of its limit); memory {} ({})",
        worst.1,
        words::number(worst.0),
        words::percent(worst.0, limits.fuel),
        words::bytes(memory),
        words::percent(memory, limits.memory)
    ))
}

fn same(question: &Question, expected: &[u32], found: &[u32], problem: &str) -> Result<(), Stop> {
    if expected == found {
        return Ok(());
    }
    let failure = Failure::new(problem, "let the bins follow from the question and the configuration alone");
    let first = (0..expected.len()).find(|i| expected.get(*i) != found.get(*i)).unwrap_or(0);
    let lines = |bins: &[u32]| {
        let samples = bins.iter().zip(&question.lengths).enumerate().skip(first.saturating_sub(1)).take(4);
        samples.map(|(i, (bin, length))| format!("sample {i} of {length}: bin {bin}\n")).collect::<String>()
    };
    Err(failure.at(question.to_string()).with_diff(lines(expected), lines(found)).into())
}
