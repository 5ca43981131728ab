//! Endless work, memory, answers, handles, logs: every error says how much, and the key that raises it.

use std::time::Duration;

use super::{
    drive::Drive::{self, *},
    guest::Source::*,
    row::{Row, row},
};

/// A deadline that ends soon, where fuel would last.
fn soon(limits: &mut curricle::plugin::Limits) {
    limits.fuel = u64::MAX;
    limits.deadline = Duration::from_millis(100);
}

pub(super) fn rows() -> Vec<Row> {
    let limit = |name, source, drive: Drive, call| row(name, source, drive, "plugin-limit", call);
    let fuel = |name, file, drive, call| limit(name, Wat(file), drive, call).says(&["it used up its fuel of 20000000", "`limits.fuel`"]);
    let work = |name, source, drive, call| {
        limit(name, source, drive, call).says(&["the host did work of ", "its fuel is 20000000", "`limits.fuel`"])
    };
    let memory =
        |name, source, drive, call| limit(name, source, drive, call).says(&["it holds ", "its limit is 32 MiB", "`limits.memory`"]);
    let late = |name, source, drive, call| {
        limit(name, source, drive, call).limit(soon).says(&["it ran for ", "longer than its deadline of 100 ms", "`limits.deadline`"])
    };
    vec![
        fuel("a loop in difficulty", "loop", Difficulty(0), "pacing.difficulty"),
        fuel("a loop in describe", "loop-in-describe", Load, "pacing.describe"),
        fuel("a loop in configure", "loop-in-configure", Configure, "pacing.configure"),
        fuel("a loop in start", "loop-in-start", Load, "instantiate"),
        fuel("a loop in realloc", "loop-in-realloc", Configure, "pacing.configure"),
        fuel("a loop in post-return", "loop-in-post-return", Configure, "pacing.configure"),
        fuel("a loop in the start of a part", "loop-in-a-part", Load, "instantiate"),
        late("a loop with fuel for ever", Wat("loop"), Difficulty(0), "pacing.difficulty"),
        late("a loop in start with fuel for ever", Wat("loop-in-start"), Load, "instantiate"),
        late("a loop without fuel", Wat("loop-in-measure"), Measure, "metric.measure"),
        late("copies for ever", Wat("copy-forever"), Difficulty(0), "pacing.difficulty"),
        late("a loop of Rust in a metric", Evil("evil-metric"), Accumulate, "metric.accumulate").with(r#"{"wrong": "loop", "in": "accumulate"}"#),
        late("a loop in one thread of an analysis", Evil("evil-metric"), Analyze, "metric.measure").with(r#"{"wrong": "loop", "at": 150}"#),
        limit("a loop of Rust at a later step", Evil("evil-policy"), Fill(3), "policy.fill").with(r#"{"wrong": "loop", "at": 3}"#).says(&["fuel of"]),
        limit("a loop in configure of a policy", Evil("evil-policy"), Start, "policy.configure").with(r#"{"wrong": "loop", "in": "configure"}"#),
        limit("a loop in save", Evil("evil-policy"), Save, "snapshot.save").with(r#"{"wrong": "loop", "in": "save"}"#),
        limit("a loop in restore", Evil("evil-policy"), Restore(&[0xe5]), "snapshot.restore").with(r#"{"wrong": "loop", "in": "restore"}"#),
        limit("a loop in pack", Evil("evil-packer"), Pack, "packer.pack").with(r#"{"wrong": "loop"}"#),
        memory("memory at once", Wat("grow-at-once"), Difficulty(0), "pacing.difficulty"),
        memory("memory bit by bit", Wat("grow-bit-by-bit"), Difficulty(0), "pacing.difficulty"),
        memory("memory from the start", Wat("memory-from-the-start"), Load, "instantiate"),
        memory("a table from the start", Wat("table-from-the-start"), Load, "instantiate"),
        memory("a table that grows", Wat("table-grow"), Difficulty(0), "pacing.difficulty"),
        memory("two memories of half the limit", Wat("two-memories"), Load, "instantiate"),
        memory("memory of Rust in fill", Evil("evil-policy"), Fill(2), "policy.fill").with(r#"{"wrong": "memory", "at": 2}"#).limit(|l| l.fuel = 1 << 40),
        memory("memory of Rust in a metric", Evil("evil-metric"), Accumulate, "metric.accumulate").with(r#"{"wrong": "memory", "in": "accumulate"}"#),
        memory("memory of Rust in a packer", Evil("evil-packer"), Pack, "packer.pack").with(r#"{"wrong": "memory"}"#).limit(|l| l.fuel = 1 << 40),
        limit("a refusal of 128 KiB", Wat("large-refusal"), Configure, "pacing.configure")
            .limit(|l| l.answer = 4096)
            .says(&["it handed over more than 4 KiB at once", "`limits.answer`"]),
        limit("a log line of 1 MB", Evil("evil-pacing"), Difficulty(0), "pacing.difficulty")
            .with(r#"{"wrong": "log-long"}"#)
            .limit(|l| l.answer = 4096)
            .says(&["it handed over more than 4 KiB at once", "`limits.answer`"]),
        limit("a partial result of 64 MiB", Evil("evil-metric"), Partial, "metric.partial")
            .with(r#"{"answer": "partial"}"#)
            .limit(|l| l.memory = 100 << 20)
            .says(&["it handed over more than 16 MiB at once", "`limits.answer`"]),
        limit("a merged result of 32 MiB", Evil("evil-metric"), Merge, "metric.merge")
            .with(r#"{"answer": "merge"}"#)
            .limit(|l| l.memory = 100 << 20)
            .says(&["more at once than the 16 bytes that the host asked for and 16 MiB besides", "`limits.answer`"]),
        limit("a state over its limit", Wat("state-too-large"), Save, "snapshot.save")
            .limit(|l| l.state = 4096)
            .says(&["its state has 65536 bytes, at most 4 KiB are kept", "`limits.state`"]),
        limit("a state over its limit and that of answers", Evil("evil-policy"), Save, "snapshot.save")
            .with(r#"{"state": 3000000}"#)
            .limit(|l| (l.state, l.answer) = (4096, 4096))
            .says(&["than the 4 KiB that the host asked for and 4 KiB besides", "`limits.state` and `limits.answer`"]),
        limit("handles for ever", Wat("handles"), Load, "instantiate").says(&["it wants more than 1000 handles at once", "`limits.handles`"]),
        work("lines of a log for ever", Wat("log-forever"), Difficulty(0), "pacing.difficulty"),
        work("large lines of a log for ever", Wat("log-large-forever"), Difficulty(0), "pacing.difficulty"),
        work("lines of a log for ever without fuel", Wat("log-forever-in-measure"), Measure, "metric.measure"),
        work("questions with long names for ever", Wat("long-names-forever"), Fill(0), "policy.fill"),
        work("questions for difficulties for ever", Evil("evil-policy"), Fill(1), "policy.fill").with(r#"{"fill": "pacings", "at": 1}"#).limit(|l| l.memory = 256 << 20).says(&[]),
        limit("questions that cost much for ever", Evil("evil-policy"), Fill(0), "policy.fill").with(r#"{"fill": "counts"}"#).says(&["`limits.fuel`"]),
        row("streams for ever", Evil("evil-policy"), Fill(0), "plugin-refused", "policy.fill")
            .with(r#"{"fill": "streams"}"#)
            .limit(|l| l.fuel = 10_000_000_000)
            .takes(Duration::from_secs(2))
            .says(&["more than 65536 streams are open"]),
        row("streams that take memory for ever", Evil("evil-policy"), Fill(0), "plugin-refused", "policy.fill")
            .with(r#"{"fill": "layouts"}"#)
            .limit(|l| (l.fuel, l.memory) = (10_000_000_000, 4 << 20))
            .takes(Duration::from_secs(2))
            .says(&["the selections take ", "`limits.memory`"]),
        limit("a loop in a whole run", Evil("evil-policy"), Run("[policy]\nplugin = \"PLUGIN\"\nconfig = { wrong = \"loop\", at = 4 }\nlimits = { fuel = 5_000_000 }\n"), "policy.fill")
            .at(4)
            .says(&["it used up its fuel of 5000000"]),
        limit(
            "a loop in a pacing function of a whole run",
            Evil("evil-pacing"),
            Run("[policy]\nplugin = \"curriculum\"\nconfig = { metrics = [{ column = \"length\", by = \"value\", pacing = \"p\" }] }\n\
                 [pacing.p]\nkind = \"plugin\"\nplugin = \"PLUGIN\"\nconfig = { wrong = \"loop\", at = 2 }\nlimits = { fuel = 5_000_000 }\n"),
            "pacing.difficulty",
        )
        .at(2)
        .says(&["it used up its fuel of 5000000"]),
    ]
}
