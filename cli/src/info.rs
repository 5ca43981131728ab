//! `curricle info`: what a file is.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use curricle::{
    Run, SamplerState,
    columns::{Column, ColumnKind, Totals},
    plugin,
};
use serde_json::{Value, json};

use crate::{dataset_options::DatasetOptions, terminal};

/// Tells what a dataset, column, file of totals, run file, saved state or plugin is.
///
/// Of a column it shows the value below or at which 5 %, 10 % … of the samples are; of totals the largest.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle info corpus                         # a dataset: a folder, .bin/.idx, .npy, .arrow, .parquet
  curricle info tokens.bin --token-type u16 --sequence-length 2048
  curricle info corpus/columns/seqlen.arrow    # a column
  curricle info corpus/columns/vocab-frequency.totals.arrow    # totals
  curricle info curricle.toml                  # a run, opened and checked
  curricle info uniform --json                 # a plugin, by name or path")]
pub(crate) struct Args {
    /// What to look at.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Reads everything: every offset and every token, every column of the dataset, and compares checksums.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    options: DatasetOptions,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let extension = args.path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let facts = match extension {
        "toml" => of_run(&args.path)?,
        "wasm" => of_plugin(&args.path)?,
        "json" => of_state(&args.path)?,
        "arrow" if Column::is_column(&args.path) => of_column(&args.path, args.check)?,
        "arrow" if Totals::is_totals(&args.path) => of_totals(&args.path)?,
        "" if !args.path.exists() => match plugin::find(&args.path.to_string_lossy()) {
            Ok(path) if path.exists() => of_plugin(&path)?,
            _ => of_dataset(&args)?,
        },
        _ => of_dataset(&args)?,
    };
    if args.json {
        return terminal::print_json(&facts);
    }
    // What it is goes first; the rest is in the order of the keys.
    let mut out = io::stdout().lock();
    writeln!(out, "{}", plain(&facts["what"]))?;
    print(&facts, 2, &mut out)
}

/// Prints the facts as lines of key and value.
fn print(facts: &Value, indent: usize, out: &mut impl Write) -> Result<()> {
    let Value::Object(map) = facts else { return Ok(()) };
    for (key, value) in map.iter().filter(|(key, _)| *key != "what") {
        let key = format!("{:indent$}{}", "", key.replace('_', " "));
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                writeln!(out, "{key}")?;
                print(value, indent + 2, out)?;
            }
            Value::Array(items) if !items.is_empty() => {
                let items: Vec<String> = items.iter().map(plain).collect();
                writeln!(out, "{key:<24} {}", items.join(", "))?;
            }
            Value::Object(_) | Value::Array(_) => writeln!(out, "{key:<24} none")?,
            value => writeln!(out, "{key:<24} {}", plain(value))?,
        }
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        Value::Object(map) => map.iter().map(|(key, value)| format!("{key} {}", plain(value))).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn of_dataset(args: &Args) -> Result<Value> {
    let dataset = args.options.open(&args.path)?;
    if args.check {
        let bar = terminal::progress(dataset.len(), "samples", "checking");
        dataset.verify(&|done| bar.set_position(done))?;
        bar.finish_and_clear();
        for (name, path) in Column::list(&dataset.columns_dir())? {
            let checked = Column::open(&path).and_then(|column| column.verify());
            checked.with_context(|| format!("the dataset is whole, but not its column `{name}`"))?;
        }
    }
    let columns: Vec<String> = Column::list(&dataset.columns_dir())?.into_iter().map(|(name, _)| name).collect();
    Ok(json!({
        "what": "dataset",
        "format": dataset.format().name(),
        "samples": dataset.len(),
        "tokens": dataset.n_tokens(),
        "token_type": dataset.token_type().name(),
        "vocab_size": dataset.vocab_size(),
        "fingerprint": dataset.fingerprint().to_string(),
        "columns": columns,
        "checked": args.check,
    }))
}

fn of_column(path: &Path, check: bool) -> Result<Value> {
    let column = Column::open(path)?;
    if check {
        column.verify()?;
    }
    let mut facts = json!({
        "what": "column",
        "name": column.name(),
        "samples": column.len(),
        "provenance": serde_json::to_value(column.provenance())?,
    });
    facts["kind"] = match column.kind() {
        ColumnKind::Number => "number".into(),
        ColumnKind::Category => "category".into(),
    };
    if let Some(categories) = column.categories() {
        facts["categories"] = categories.iter().map(|(name, n)| (name.clone(), json!(n))).collect::<serde_json::Map<_, _>>().into();
    } else {
        facts["min"] = json!(column.min());
        facts["max"] = json!(column.max());
        let percents = (5..=95).step_by(5).chain([99, 100]);
        let quantiles: Result<serde_json::Map<_, _>> =
            percents.map(|p| Ok((format!("{:.2}", f64::from(p) / 100.0), json!(column.percentile(p)?)))).collect();
        facts["quantiles"] = quantiles?.into();
    }
    Ok(facts)
}

fn of_totals(path: &Path) -> Result<Value> {
    let totals = Totals::open(path)?;
    let values = totals.values();
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
    let largest = |place: &usize| json!({ "place": place, "value": values[*place] });
    Ok(json!({
        "what": "totals",
        "name": totals.name(),
        "totals": values.len(),
        "not_zero": values.iter().filter(|value| **value != 0.0).count(),
        "sum": values.iter().sum::<f64>(),
        "largest": places.iter().take(10).map(largest).collect::<Vec<_>>(),
        "provenance": serde_json::to_value(totals.provenance())?,
    }))
}

fn of_run(path: &Path) -> Result<Value> {
    let run = Run::load(path)?;
    // Whether the policy accepts its configuration and the data, too.
    run.planner()?;
    let shape = run.shape();
    let description = run.policy().description();
    let batch = &run.config().batch;
    Ok(json!({
        "what": "run",
        "seed": run.config().seed,
        "samples": run.dataset().len(),
        "tokens": run.dataset().n_tokens(),
        "fingerprint": run.dataset().fingerprint().to_string(),
        "columns": run.columns().iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "policy": format!("{} {}: {}", description.name, description.version, description.summary),
        "pacing": run.config().pacing.keys().collect::<Vec<_>>(),
        "global_batch_size": batch.global_batch_size,
        "micro_batch_size": batch.tokens.is_none().then(|| shape.micro_batch()),
        "micro_batch_tokens": batch.tokens.as_ref().map(|tokens| tokens.max_tokens),
        "gradient_accumulation_steps": shape.accumulation(),
        "dp_world_size": shape.dp_world_size(),
        "dp_rank": shape.dp_rank(),
    }))
}

fn of_state(path: &Path) -> Result<Value> {
    let state = SamplerState::load(path)?;
    Ok(json!({
        "what": "state",
        "next_step": state.step(),
        "consumed_samples": state.consumed_samples(),
        "consumed_tokens": state.consumed_tokens(),
        "kept_back": state.kept_back(),
        "identity": serde_json::to_value(state.identity())?,
    }))
}

fn of_plugin(path: &Path) -> Result<Value> {
    crate::inspect::facts(path, &plugin::inspect(path)?)
}
