//! Selections, and opening and resuming runs over many samples.

use anyhow::{Context, Result};
use curricle::{
    Run, SamplerState,
    columns::{Column, Columns, Condition},
    dataset::Dataset,
};
use curricle_tests::bench::{
    Row, data,
    timing::{median, pretty},
};

pub(crate) fn difficulty_change() -> Result<Vec<Row>> {
    const N: u64 = 10_000_000;
    let (_, dataset) = data::sequences(N)?;
    let mut columns = Columns::new(N);
    for (name, salt) in [("first", 0), ("second", 1 << 50)] {
        let path = data::folder()?.join(format!("{name}-{N}.arrow"));
        data::numbers(&dataset, &path, |i| (data::noise(i ^ salt) % 100_000) as u32)?;
        columns.insert(name, Column::open(&path)?)?;
    }
    let mut difficulty = 10_000.0;
    let time = median(15, || {
        difficulty += 1_000.0;
        let at_most = |column: &str| Condition::Between { column: column.into(), above: None, at_most: Some(difficulty) };
        columns.select(&[at_most("first"), at_most("second")]).map(|s| s.len()).ok()
    });
    Ok(vec![Row {
        work: "new difficulty, two metrics, N = 10⁷".into(),
        measured: pretty(time),
        target: "≤ 50 ms",
        met: time.as_millis() < 50,
    }])
}

pub(crate) fn open_resume_state() -> Result<Vec<Row>> {
    let n: u64 = if std::env::var_os("CURRICLE_BENCH_SMALL").is_some() { 1_000_000 } else { 100_000_000 };
    let documents = data::documents(n, 2, 2)?;
    let dataset = Dataset::open(&documents)?;
    data::numbers(&dataset, &dataset.columns_dir().join("length.arrow"), |i| (data::noise(i) % 1_000) as u32)?;
    let toml = format!("path = {:?}", documents.display().to_string());
    let batch = "[batch]\nglobal-batch-size = 1024\n[policy]\nplugin = \"uniform\"";
    let open = || -> Result<(Run, SamplerState)> {
        let run = data::run(&toml, batch)?;
        let mut planner = run.planner()?;
        planner.plan()?;
        let state = planner.state();
        drop(planner);
        Ok((run, state))
    };
    let opening = median(15, || open().map(|(_, state)| state.step()).ok());

    let (run, early) = open()?;
    // A state far into the run is the early one with other numbers: nothing is replayed, so the position can be written in.
    let mut planner = run.planner_at(&early)?;
    for _ in 0..20_000 {
        planner.plan()?.context("the run ended")?;
    }
    let late = planner.state();
    let resuming = median(15, || run.planner_at(&late).and_then(|mut p| p.plan().map(|p| p.map(|p| p.step))).ok());
    let taking = median(15, || {
        for _ in 0..100 {
            std::hint::black_box(planner.state().to_json());
        }
    }) / 100;
    let size = late.to_json().len();
    Ok(vec![
        Row {
            work: format!("open a run and plan its first batch, N = {n} documents, a column"),
            measured: pretty(opening),
            target: "≤ 50 ms",
            met: opening.as_millis() < 50,
        },
        Row {
            work: "resume at step 20 000 and plan".into(),
            measured: pretty(resuming),
            target: "≤ 10 ms",
            met: resuming.as_millis() < 10,
        },
        Row {
            work: "take the state, as JSON".into(),
            measured: format!("{}, {size} bytes", pretty(taking)),
            target: "≤ 50 µs and ≤ 4 KB",
            met: taking.as_micros() < 50 && size <= 4096,
        },
    ])
}
