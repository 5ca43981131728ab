//! `curricle columns`: columns to and from the files of other programs.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use curricle::{
    columns::Column,
    deepspeed::{self, ExportOptions, ImportOptions, Watch},
};
use serde_json::json;

use crate::{dataset_options::DatasetOptions, metric_options, terminal};

/// Takes columns to DeepSpeed's analysis files and from them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Export(Export),
    Import(Import),
}

/// Writes a column as the files that DeepSpeed's analyzer makes of a metric.
///
/// DIR/METRIC becomes a folder with `METRIC_sample_to_metric`, `METRIC_index_to_metric`, `METRIC_index_to_sample` and
/// `METRIC_index_to_sample_percentile_merged`, each a `.bin` and an `.idx`, and with `METRIC_metric_value` if the column has totals. They hold
/// whole numbers, under the type codes of DeepSpeed from 0.13.3 on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle columns export corpus/columns/seqlen.arrow --out analysis
  curricle columns export corpus/columns/vocab-rarity.arrow --out analysis --name vocab_rarity --cut")]
struct Export {
    /// File of the column.
    #[arg(value_name = "COLUMN.arrow")]
    column: PathBuf,
    /// Folder for the folders of metrics; it is made if need be.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the metric; by default that of the column.
    #[arg(long, value_name = "METRIC")]
    name: Option<String>,
    /// Cuts values and totals towards zero where they are no whole numbers.
    #[arg(long)]
    cut: bool,
    /// Replaces files that are there.
    #[arg(long)]
    force: bool,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
}

/// Makes a column of what DeepSpeed's analyzer found out about a dataset.
///
/// FOLDER is that of a metric, with `METRIC_sample_to_metric`, or else `METRIC_index_to_sample` and `METRIC_index_to_metric`; files of any
/// version of DeepSpeed will do. The column comes to the dataset's own, where run files find it by its name. The dataset has to be opened as
/// DeepSpeed saw it: its samples must be those that were analyzed, in the same order.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curricle columns import analysis/seqlen --dataset corpus
  curricle columns import analysis/vocab_rarity --dataset pile_text_document --totals analysis/total_vocab_freq --name vocab-rarity")]
struct Import {
    /// Folder of a metric.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Dataset that was analyzed.
    #[arg(long, value_name = "PATH")]
    dataset: PathBuf,
    #[command(flatten)]
    options: DatasetOptions,
    /// Name of the column; by default that of the metric.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Name of the metric in the names of the files, where it is not that of the folder.
    #[arg(long, value_name = "METRIC")]
    metric: Option<String>,
    /// Folder of a metric about the dataset as a whole, whose numbers become the column's totals.
    #[arg(long, value_name = "FOLDER")]
    totals: Option<PathBuf>,
    /// Folder for the column instead of the dataset's own; a run file then has to name it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replaces a column of the same name.
    #[arg(long)]
    force: bool,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    match args.verb {
        Verb::Export(args) => export(&args),
        Verb::Import(args) => import(&args),
    }
}

fn export(args: &Export) -> Result<()> {
    let column = Column::open(&args.column)?;
    let bar = terminal::progress(0, "samples", "exporting");
    let progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let options = ExportOptions {
        name: args.name.as_deref(),
        cut: args.cut,
        replace: args.force,
        watch: Watch { progress: Some(&progress), interrupted: Some(&terminal::interrupted) },
    };
    let exported = deepspeed::export(&column, &args.out, &options);
    bar.finish_and_clear();
    let exported = exported?;
    if args.json {
        return terminal::print_json(&json!({
            "folder": exported.folder.to_string_lossy(),
            "samples": exported.samples,
            "distinct": exported.distinct,
            "value_type": exported.value_type.name(),
            "id_type": exported.id_type.name(),
            "totals": exported.totals,
        }));
    }
    terminal::say(format_args!(
        "exported {} samples with {} distinct values ({}) into `{}`",
        exported.samples,
        exported.distinct,
        exported.value_type,
        exported.folder.display()
    ))
}

fn import(args: &Import) -> Result<()> {
    let dataset = args.options.open(&args.dataset)?;
    let own_name = || args.folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = args.name.clone().or_else(|| args.metric.clone()).or_else(own_name).unwrap_or_default();
    if !metric_options::is_column_name(&name) {
        let problem = format!("`{name}` cannot name a column");
        return Err(metric_options::bad("--name", problem, "give a name without slashes and a dot at the start").into());
    }
    let target = args.out.clone().unwrap_or_else(|| dataset.columns_dir()).join(format!("{name}.arrow"));
    let bar = terminal::progress(0, "samples", "importing");
    let progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let options = ImportOptions {
        metric: args.metric.as_deref(),
        totals: args.totals.as_deref(),
        replace: args.force,
        watch: Watch { progress: Some(&progress), interrupted: Some(&terminal::interrupted) },
    };
    let column = deepspeed::import(&args.folder, &dataset, &target, &options);
    bar.finish_and_clear();
    let column = column?;
    let totals = column.totals()?.map(|totals| totals.len());
    if args.json {
        return terminal::print_json(&json!({
            "name": column.name(),
            "path": column.path().to_string_lossy(),
            "samples": column.len(),
            "value_type": column.value_type().to_string(),
            "min": column.min(),
            "max": column.max(),
            "totals": totals,
        }));
    }
    terminal::say(format_args!("{}: {}", column.name(), column.path().display()))?;
    let totals = totals.map(|n| format!(", and {n} totals")).unwrap_or_default();
    terminal::say(format_args!("  {} samples, from {} to {}{totals}", column.len(), column.min(), column.max()))
}
