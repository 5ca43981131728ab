//! Micro-batches under a budget of tokens, and bins.

use anyhow::{Context, Result, ensure};
use curricle::packing::{BinPacker, TokenBudget};
use curricle_tests::bench::{
    Row, data,
    timing::{median, pretty},
};

use super::{driver, ratio};

const LONGEST: u32 = 8192;
const MANY: u64 = 1_000_000;

fn lengths(n: u64, longest: u32) -> Vec<u32> {
    (0..n).map(|i| data::log_normal(i, longest)).collect()
}

pub(crate) fn micro_batches() -> Result<Vec<Row>> {
    const FEW: u64 = 4_000;
    let file = data::raw("log-normal", FEW, |i| data::log_normal(i, LONGEST))?;
    let found = driver::run("pack", &[&file.to_string_lossy(), &LONGEST.to_string()])?;
    let theirs: Vec<Vec<u32>> = serde_json::from_value(found["micro_batches"].clone())?;

    let budget = TokenBudget::new(u64::from(LONGEST));
    let few = lengths(FEW, LONGEST);
    let packed = budget.pack(&few)?;
    // Its last micro-batch lacks the last sample.
    let same = packed.micro_batches().zip(&theirs).take(theirs.len().saturating_sub(1)).all(|(ours, theirs)| ours == theirs);
    ensure!(same && theirs.len() > 1, "the micro-batches are not the same: this compares two different works");
    let time = median(15, || budget.pack(&few).map(|packed| packed.len()).ok());

    let many = lengths(MANY, LONGEST);
    let long = median(5, || budget.pack(&many).map(|packed| packed.len()).ok());
    Ok(vec![
        ratio(
            "micro-batches of at most 8 192 tokens out of 4 000 samples, in order".into(),
            time,
            driver::seconds(&found)?,
            "≥ 1 000 ×",
            1000.0,
        ),
        Row {
            work: "the same out of 10⁶ samples, which would take it years".into(),
            measured: pretty(long),
            target: "≤ 1 s",
            met: long.as_secs_f64() <= 1.0,
        },
    ])
}

pub(crate) fn bins() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for capacity in [2048, LONGEST] {
        let file = data::raw(&format!("log-normal-{capacity}"), MANY, |i| data::log_normal(i, capacity))?;
        let found = driver::run("fill", &[&file.to_string_lossy(), &capacity.to_string(), "5"])?;
        let bins_of = |name: &str| found[name]["bins"].as_u64().with_context(|| format!("no bins of {name}"));
        // Of its strategies that fit best, the fullest; of those as full, the fastest.
        let mut best = ("", u64::MAX, std::time::Duration::MAX);
        for name in found.as_object().context("strategies")?.keys() {
            let candidate = (name.as_str(), bins_of(name)?, driver::seconds(&found[name])?);
            if (candidate.1, candidate.2) < (best.1, best.2) {
                best = candidate;
            }
        }
        let (name, their_bins, their_time) = best;

        let lengths = lengths(MANY, capacity);
        let n_tokens: u64 = lengths.iter().map(|&n| u64::from(n)).sum();
        let time = median(5, || BinPacker::BestFitDecreasing.pack(&lengths, capacity, None).map(|bins| bins.len()).ok());
        let bins = BinPacker::BestFitDecreasing.pack(&lengths, capacity, None)?;
        let our_bins = bins.iter().max().map_or(0, |&last| u64::from(last) + 1);
        let fill = |n_bins: u64| n_tokens as f64 / (n_bins * u64::from(capacity)) as f64 * 100.0;
        rows.push(Row {
            work: format!("10⁶ log-normal lengths into bins of {capacity}, best fit decreasing, against seqpacker's {name}"),
            measured: format!(
                "{our_bins} bins, {:.3} % full, {} (against {their_bins}, {:.3} %, {})",
                fill(our_bins),
                pretty(time),
                fill(their_bins),
                pretty(their_time)
            ),
            target: "no emptier, no slower",
            met: our_bins <= their_bins && time <= their_time,
        });
    }
    Ok(rows)
}
