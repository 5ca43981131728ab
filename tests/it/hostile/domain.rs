//! Answers that can be read, and make no sense of the data.

use super::{
    drive::Drive::{self, *},
    guest::Source::*,
    row::{Row, row},
};

/// A run of `mixture` with these weights.
macro_rules! mixture {
    ($weights:literal) => {
        Run(concat!("[policy]\nplugin = \"mixture\"\nconfig = { column = \"domain\", weights = ", $weights, " }\n"))
    };
}

pub(super) fn rows() -> Vec<Row> {
    let fill = |name, config, code| row(name, Evil("evil-policy"), Fill(2), code, "policy.fill").with(config);
    let metric = |name, drive: Drive, call, config| row(name, Evil("evil-metric"), drive, "plugin-contract", call).with(config);
    let pack = |name, config, words| row(name, Evil("evil-packer"), Pack, "plugin-contract", "packer.pack").with(config).says(words);
    let weights = |name, drive, words| row(name, Builtin("mixture"), drive, "config", "").says(words);
    vec![
        fill("a batch short of one", r#"{"fill": "short", "at": 2}"#, "plugin-contract").says(&["came to 15 samples, 16 were asked for"]),
        fill("a batch with one too many", r#"{"fill": "long", "at": 2}"#, "plugin-contract")
            .says(&["asked for 17 samples, the batch has 16"]),
        fill("a batch of nothing", r#"{"fill": "nothing", "at": 2}"#, "plugin-contract").says(&["came to 0 samples, 16 were asked for"]),
        fill("a sample past the end", r#"{"fill": "absent", "at": 2}"#, "plugin-refused")
            .says(&["sample 200 does not exist, the dataset has 200"]),
        fill("a sample near 2^63", r#"{"fill": "far", "at": 2}"#, "plugin-refused").says(&["sample 9223372036854775807 does not exist"]),
        fill("four billion samples at once", r#"{"fill": "take", "at": 2}"#, "plugin-contract")
            .says(&["4294967295 samples at once, at most 1048576"]),
        fill("samples cut to nothing", r#"{"fill": "truncate", "at": 2}"#, "plugin-contract").says(&["truncated the samples to 0 tokens"]),
        fill("a number beside the batch that is none", r#"{"fill": "nan", "at": 2}"#, "plugin-refused").says(&["annotation `loss` is NaN"]),
        fill("a name beside the batch of control characters", r#"{"fill": "name", "at": 2}"#, "plugin-refused")
            .says(&["`lo\\u{1b}[2Jss` cannot name"]),
        fill("too many names beside the batch", r#"{"fill": "names", "at": 2}"#, "plugin-refused").says(&["a step has at most 64"]),
        fill("a pacing function that there is not", r#"{"fill": "pacing", "at": 2}"#, "plugin-refused")
            .says(&["no pacing function `no\\u{1b}where`"]),
        fill("a column that there is not", r#"{"fill": "column", "at": 2}"#, "plugin-refused").says(&["no\\u{1b}where"]),
        fill("values past the end", r#"{"fill": "values", "at": 2}"#, "plugin-refused").says(&["18446744073709551615"]),
        fill("a quantile beyond 1", r#"{"fill": "quantile", "at": 2}"#, "plugin-refused").says(&["1.5"]),
        fill("a refusal of control characters", r#"{"wrong": "refuse-controls", "at": 2}"#, "plugin-refused")
            .says(&["\\u{1b}[2Jnothing\\nto see"]),
        fill("a refusal of a megabyte", r#"{"wrong": "refuse-long", "at": 2}"#, "plugin-refused").says(&["much much", "…"]),
        fill("a refusal without a word", r#"{"wrong": "refuse-silently", "at": 2}"#, "plugin-refused").says(&["without giving a reason"]),
        row("nothing left in configure", Evil("evil-policy"), Start, "plugin-contract", "policy.configure")
            .with(r#"{"wrong": "exhausted", "in": "configure"}"#)
            .says(&["nothing left to give, which only `policy.fill` may say"]),
        metric("a value that is NaN", Measure, "metric.measure", r#"{"answer": "nan", "at": 3}"#).says(&["its value for sample 3 is NaN"]),
        metric("a value that is NaN in an analysis", Analyze, "metric.measure", r#"{"answer": "nan", "at": 150}"#)
            .says(&["for sample 150 is NaN"]),
        metric("a value too few", Measure, "metric.measure", r#"{"answer": "short"}"#)
            .says(&["it answered 1 values for the 2 samples 0 to 1"]),
        metric("a value too many", Measure, "metric.measure", r#"{"answer": "long"}"#)
            .says(&["it answered 3 values for the 2 samples 0 to 1"]),
        metric("values of a type that changes", Measure, "metric.measure", r#"{"answer": "type", "at": 2}"#)
            .says(&["f32 for one chunk and f64"]),
        metric("totals without end", Totals, "metric.totals", r#"{"answer": "infinite"}"#).says(&["its total 1 is inf"]),
        metric("too many totals", Totals, "metric.totals", r#"{"answer": "totals"}"#)
            .limit(|l| l.memory = 512 << 20)
            .says(&["it answered 16777217 totals, at most 16777216"]),
        metric("too many passes", Metric, "metric.configure", r#"{"answer": "passes"}"#).says(&["it asks for 17 passes, at most 16"]),
        metric("neither passes nor values", Metric, "metric.configure", r#"{"answer": "nothing"}"#).says(&["neither passes nor values"]),
        row("NaN among values of 64 bits", Wat("metric-nan-in-f64"), Measure, "plugin-contract", "metric.measure")
            .says(&["for sample 1 is NaN"]),
        pack("everything in one bin", r#"{"pack": "overfull"}"#, &["it put 11 tokens into bin 0, which holds 8"]),
        pack("a bin that stays empty", r#"{"pack": "gap"}"#, &["bin"]),
        pack("a sample without a bin", r#"{"pack": "short"}"#, &["it put 3 samples into bins, it was given 4"]),
        pack("a bin without a sample", r#"{"pack": "long"}"#, &["it put 5 samples into bins, it was given 4"]),
        pack("a bin beyond all others", r#"{"pack": "far"}"#, &["into bin 4294967295"]),
        row("a difficulty that is NaN", Evil("evil-pacing"), Difficulty(4), "plugin-contract", "pacing.difficulty")
            .with(r#"{"answer": "nan", "at": 4}"#)
            .says(&["it answered NaN, a difficulty is finite"]),
        row("a difficulty that is infinite", Evil("evil-pacing"), Difficulty(4), "plugin-contract", "pacing.difficulty")
            .with(r#"{"answer": "infinite", "at": 4}"#)
            .says(&["it answered inf, a difficulty is finite"]),
        weights("weights that are NaN", mixture!("{ code = nan }"), &["NaN has no form in JSON"]),
        weights("weights that are infinite", mixture!("{ code = inf }"), &["inf"]),
        weights("weights below zero", mixture!("{ code = -1.0, prose = 2.0 }"), &["-1.0", "at least 0"]),
        row(
            "weights that are all zero",
            Builtin("mixture"),
            mixture!("{ code = 0.0, prose = -0.0 }"),
            "plugin-refused",
            "policy.configure",
        )
        .says(&["no category has a weight above 0"]),
        row("a weight of no category", Builtin("mixture"), mixture!("{ poems = 1.0 }"), "plugin-refused", "policy.configure")
            .says(&["`domain` has no such category"]),
        row("an empty batch", Builtin("uniform"), Run("micro-batch-size = 0\n[policy]\nplugin = \"uniform\"\n"), "config", "")
            .says(&["run.toml"]),
    ]
}
