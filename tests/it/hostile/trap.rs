//! Guests that break their own neck, or the host's.

use super::{
    drive::Drive::{self, *},
    guest::Source::*,
    row::{Row, row},
};

pub(super) fn rows() -> Vec<Row> {
    let trap = |name, file| row(name, Wat(file), Difficulty(7), "plugin-trap", "pacing.difficulty").at(0);
    let evil =
        |name, plugin, drive: Drive, call, config| row(name, Evil(plugin), drive, "plugin-trap", call).with(config).says(&["it panicked"]);
    vec![
        trap("unreachable code", "unreachable").says(&["it panicked, or reached code that it holds unreachable"]),
        trap("a read beyond memory", "load-out-of-bounds").says(&["it reached beyond its memory"]),
        trap("a fill beyond memory", "fill-out-of-bounds").says(&["it reached beyond its memory"]),
        trap("a division by zero", "divide-by-zero").says(&["it divided by zero"]),
        trap("a division that overflows", "divide-overflow").says(&["does not fit the integer"]),
        trap("an integer of NaN", "convert-nan").says(&["does not fit the integer"]),
        trap("recursion without end", "recursion").says(&["its calls nest too deep for its stack of 512 KiB"]),
        trap("a call of nothing", "call-null").says(&["it called a function that is not there"]),
        trap("a call with another signature", "call-other-signature").says(&["it called a function that is not there"]),
        trap("a call beyond a table", "call-past-table").says(&["it reached beyond its memory"]),
        trap("a trap at its own maximum of memory", "grow-past-its-own-maximum").says(&["it panicked"]),
        row("a write beyond memory in describe", Wat("store-out-of-bounds"), Load, "plugin-trap", "pacing.describe"),
        row("a trap in start", Wat("trap-in-start"), Load, "plugin-trap", "instantiate"),
        row("a trap in realloc", Wat("trap-in-realloc"), Configure, "plugin-trap", "pacing.configure"),
        row("a trap in post-return", Wat("trap-in-post-return"), Configure, "plugin-trap", "pacing.configure"),
        row("a call of the host in post-return", Wat("import-in-post-return"), Configure, "plugin-trap", "pacing.configure")
            .says(&["it called the host where that is not allowed"]),
        row("a call of the host in realloc", Wat("import-in-realloc"), Configure, "plugin-trap", "pacing.configure")
            .says(&["it called the host where that is not allowed"]),
        row("a call after a fault", Wat("unreachable"), Again, "plugin-trap", "pacing.difficulty")
            .says(&["it cannot be called any more since `pacing.difficulty` failed", "make another instance"]),
        row("recursion with calls of the host", Wat("recursion-with-host-calls"), Fill(0), "plugin-trap", "policy.fill").says(&["nest too deep"]),
        row("recursion with calls of another plugin", Wat("recursion-with-pacings"), Fill(0), "plugin-trap", "policy.fill").says(&["nest too deep"]),
        row("recursion of Rust", Evil("evil-policy"), Fill(1), "plugin-trap", "policy.fill").with(r#"{"wrong": "recurse", "at": 1}"#),
        row("a panic of the host in an import", Wat("host-panic"), Fill(2), "internal", "")
            .says(&["internal error while plugin `a panic of the host in an import`, policy.fill, step 0: no such state of affairs", "report it"]),
        evil("a panic in fill", "evil-policy", Fill(3), "policy.fill", r#"{"wrong": "panic", "at": 3}"#).says(&["it logged: about to panic"]),
        evil("a panic in configure", "evil-policy", Start, "policy.configure", r#"{"wrong": "panic", "in": "configure"}"#),
        evil("a panic in save", "evil-policy", Save, "snapshot.save", r#"{"wrong": "panic", "in": "save"}"#),
        evil("a panic in restore", "evil-policy", Restore(&[0xe5]), "snapshot.restore", r#"{"wrong": "panic", "in": "restore"}"#),
        evil("a panic in a metric's configure", "evil-metric", Metric, "metric.configure", r#"{"wrong": "panic", "in": "configure"}"#),
        evil("a panic in merge", "evil-metric", Merge, "metric.merge", r#"{"wrong": "panic", "in": "merge"}"#),
        evil("a panic in finish", "evil-metric", Finish, "metric.finish", r#"{"wrong": "panic", "in": "finish"}"#),
        evil("a panic in totals", "evil-metric", Totals, "metric.totals", r#"{"wrong": "panic", "in": "totals"}"#),
        evil("a panic in an analysis", "evil-metric", Analyze, "metric.accumulate", r#"{"wrong": "panic", "in": "accumulate"}"#),
        evil("a panic in pack", "evil-packer", Pack, "packer.pack", r#"{"wrong": "panic"}"#),
        evil("a panic in difficulty", "evil-pacing", Difficulty(2), "pacing.difficulty", r#"{"wrong": "panic", "at": 2}"#),
        evil("a flood of logs", "evil-policy", Fill(1), "policy.fill", r#"{"wrong": "log-flood", "at": 1}"#)
            .says(&["it logged: line 63", "lines suppressed)"]),
        evil("a log of control characters", "evil-policy", Fill(0), "policy.fill", r#"{"wrong": "log-controls"}"#)
            .says(&["it logged: \\u{1b}[2J\\u{7}clean\\r\\n\\u{202e}desrever"]),
        evil("a long line of a log", "evil-pacing", Difficulty(0), "pacing.difficulty", r#"{"wrong": "log-long"}"#).says(&["long long", "…"]),
        row("a panic in a whole run", Evil("evil-policy"), Run("[policy]\nplugin = \"PLUGIN\"\nconfig = { wrong = \"panic\", at = 5 }\n"), "plugin-trap", "policy.fill")
            .at(5)
            .says(&["it panicked"]),
        row("a panic in the packer of a whole run", Evil("evil-packer"), Run("layout = \"rows\"\nrow-length = 64\npacker = { plugin = \"PLUGIN\", config = { wrong = \"panic\" } }\n[policy]\nplugin = \"uniform\"\n"), "plugin-trap", "packer.pack")
            .says(&["it panicked"]),
    ]
}
