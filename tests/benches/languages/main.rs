//! The table "Plugins in other languages" of `docs/benchmarks.md`: the worked examples of `plugins/languages`, one policy and one metric, in each.
//!
//! `cargo xtask bench languages [FILTER]`.

mod metric;
mod policy;

use anyhow::Result;
use curricle::plugin::Limits;
use curricle_tests::bench::table;

/// The languages of `plugins/languages`, and whether an interpreter comes along.
const LANGUAGES: [(&str, bool); 7] =
    [("rust", false), ("c", false), ("cpp", false), ("go", false), ("javascript", true), ("typescript", true), ("python", true)];

fn preset(interpreted: bool) -> (&'static str, Limits) {
    if interpreted { ("interpreted", Limits::interpreted()) } else { ("compiled", Limits::default()) }
}

fn main() -> Result<()> {
    table(&[("policy", policy::steps), ("metric", metric::rates)])
}
