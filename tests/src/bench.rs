//! What the benchmarks share: their table, data to measure on, medians.

pub mod data;
pub mod steps;
pub mod timing;
pub mod venv;

use anyhow::Result;

/// One line of a table of `docs/benchmarks.md`.
#[derive(Debug)]
pub struct Row {
    /// What is measured.
    pub work: String,
    /// What came out.
    pub measured: String,
    /// What was aimed at; empty for a row that only tells.
    pub target: &'static str,
    /// Whether the target was met.
    pub met: bool,
}

/// A group of rows, which a filter names.
pub type Bench = fn() -> Result<Vec<Row>>;

/// Runs the benchmarks whose name contains the filter, and prints their rows as they come.
///
/// # Errors
/// The first of a benchmark, or a filter that names none.
pub fn table(benches: &[(&str, Bench)]) -> Result<()> {
    // `cargo bench` passes `--bench`; a word is a filter.
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let chosen: Vec<Bench> = benches.iter().filter(|(name, _)| name.contains(&filter)).map(|&(_, bench)| bench).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = benches.iter().map(|&(name, _)| name).collect();
        anyhow::bail!("no benchmark's name contains `{filter}`; there are {}", names.join(", "));
    }
    println!("| work | measured | target | |\n| --- | --- | --- | --- |");
    for bench in chosen {
        for row in bench()? {
            let mark = match (row.target, row.met) {
                ("", _) => "",
                (_, true) => "met",
                (_, false) => "missed",
            };
            println!("| {} | {} | {} | {mark} |", row.work, row.measured, row.target);
        }
    }
    println!("\n{}", timing::machine());
    Ok(())
}
