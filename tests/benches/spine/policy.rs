//! Policy steps through the whole sandbox, drawing included.

use anyhow::Result;
use curricle::dataset::Dataset;
use curricle_tests::bench::{Row, data, steps::step_time, timing::pretty};

pub(crate) fn steps() -> Result<Vec<Row>> {
    let flat = data::flat(10_000_000)?;
    let dataset = format!("path = {:?}\ntoken-type = \"u16\"\nsequence-length = 10", flat.display().to_string());
    let options = curricle::dataset::Options {
        view: curricle::dataset::View::Sequences { length: 10, stride: 10 },
        token_type: Some(curricle::dataset::TokenType::U16),
        ..Default::default()
    };
    let opened = Dataset::open_with(&flat, &options)?;
    data::categories(&opened, &opened.columns_dir().join("domain.arrow"), 250)?;

    let one = data::run(&dataset, "[batch]\nglobal-batch-size = 1024\n[policy]\nplugin = \"uniform\"")?;
    let weights: String = (0..250).map(|c| format!("domain-{c:03} = {}\n", 1 + c % 7)).collect();
    let many = data::run(
        &dataset,
        &format!(
            "[batch]\nglobal-batch-size = 1024\n[policy]\nplugin = \"mixture\"\n[policy.config]\ncolumn = \"domain\"\n\
             [policy.config.weights]\n{weights}"
        ),
    )?;
    let (one, many) = (step_time(&one, 500)?, step_time(&many, 500)?);
    let row = |streams: &str, time, target, limit: u64| Row {
        work: format!("one policy step, sandbox on, drawing included, {streams}, 1 024 samples"),
        measured: pretty(time),
        target,
        met: time.as_nanos() as u64 <= limit,
    };
    Ok(vec![row("1 stream", one, "≤ 10 µs", 10_000), row("250 streams", many, "≤ 20 µs", 20_000)])
}

pub(crate) fn shuffled_ids() -> Result<Vec<Row>> {
    let flat = data::flat(100_000_000)?;
    let dataset = format!("path = {:?}\ntoken-type = \"u16\"\nsequence-length = 1", flat.display().to_string());
    let run = data::run(&dataset, "[batch]\nglobal-batch-size = 65536\n[policy]\nplugin = \"uniform\"")?;
    let time = step_time(&run, 50)?;
    let rate = 65536.0 / time.as_secs_f64() / 1e6;
    Ok(vec![Row {
        work: "uniform shuffled ids through the policy, batches of 65 536, N = 10⁸, one core".into(),
        measured: format!("{rate:.0} M samples/s"),
        target: "≥ 100 M samples/s",
        met: rate >= 100.0,
    }])
}
