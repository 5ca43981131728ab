//! Answers and requests that the contract forbids.

use super::{
    drive::Drive::{self, *},
    guest::Source::*,
    row::{Row, row},
};

pub(super) fn rows() -> Vec<Row> {
    let broken = |name, file, drive: Drive, call| row(name, Wat(file), drive, "plugin-contract", call);
    let unread =
        |name, file, drive, call| broken(name, file, drive, call).says(&["its answer or request cannot be read", "tell the author"]);
    let described = |name, file, words| broken(name, file, Load, "pacing.describe").says(words);
    let schema = |name, file, words| broken(name, file, Load, "load").says(words);
    vec![
        unread("a refusal that is not UTF-8", "text-not-utf8", Configure, "pacing.configure"),
        unread("a refusal beyond memory", "text-beyond-memory", Configure, "pacing.configure"),
        unread("a case that there is not", "no-such-case", Configure, "pacing.configure"),
        unread("neither ok nor error", "no-such-result", Configure, "pacing.configure"),
        unread("an answer beyond memory", "answer-beyond-memory", Configure, "pacing.configure"),
        unread("an answer that is not aligned", "answer-unaligned", Load, "pacing.describe"),
        unread("room beyond memory", "realloc-beyond-memory", Configure, "pacing.configure"),
        unread("room that is not aligned", "realloc-unaligned", Measure, "metric.measure"),
        unread("a list that is not aligned", "list-unaligned", Measure, "metric.measure"),
        unread("a list beyond memory", "list-beyond-memory", Measure, "metric.measure"),
        unread("a list of four billion", "list-of-four-billion", Measure, "metric.measure"),
        unread("a list at a negative address", "list-negative", Measure, "metric.measure"),
        unread("values of no type", "values-of-no-type", Measure, "metric.measure"),
        unread("a level that is none", "level-that-is-none", Difficulty(0), "pacing.difficulty"),
        unread("a log line beyond memory", "log-beyond-memory", Difficulty(0), "pacing.difficulty"),
        unread("a log line that is not UTF-8", "log-not-utf8", Difficulty(0), "pacing.difficulty"),
        unread("a list of samples beyond memory", "append-list-beyond-memory", Fill(0), "policy.fill"),
        unread("a handle that was never given", "handle-never-given", Load, "instantiate"),
        unread("a handle dropped twice", "handle-dropped-twice", Load, "instantiate"),
        broken("the size of no batch", "size-in-configure", Start, "policy.configure").says(&["it called `plan.size` in `configure`"]),
        broken("the dataset before there is one", "dataset-in-describe", LoadPolicy, "policy.describe")
            .says(&["`dataset.len` in `describe`"]),
        broken("a stream that was never opened", "stream-never-opened", Fill(0), "policy.fill")
            .says(&["stream 77, which was never opened"]),
        broken("a draw from a stream that was never opened", "draw-never-opened", Fill(0), "policy.fill")
            .says(&["stream 9, which was never"]),
        broken("a draw of other lengths", "draw-without-counts", Fill(0), "policy.fill").says(&["from 2 streams with 1 counts"]),
        broken("a stream drawn twice", "draw-twice", Fill(0), "policy.fill").says(&["named stream 0 twice"]),
        broken("a draw in save", "draw-in-save", Save, "snapshot.save").says(&["it called `plan.ordered` in `save`"]),
        described("no name", "name-empty", &["it calls itself ``"]),
        described("a long name", "name-long", &["a name is 1 to 64"]),
        described("a name of control characters", "name-controls", &["it calls itself `a\\u{1b}[2J\\r\\u{202e}`"]),
        described("no version", "version-none", &["its version is `newer`"]),
        described("a long summary", "summary-long", &["its summary has 300 bytes, at most 256"]),
        described("a long schema", "schema-long", &["its config-schema has 131072 bytes, at most 65536"]),
        schema("a schema that is no JSON", "schema-no-json", &["its config-schema is no JSON"]),
        schema("a schema in a circle", "schema-circle", &["refers in a circle by `#`"]),
        schema("a schema on another machine", "schema-elsewhere", &["refers to `https://example.com/schema`"]),
        schema("a schema that doubles forty times", "schema-bomb", &["more than 10000 parts"]),
        schema("a schema five hundred deep", "schema-deep", &["is no JSON: recursion limit exceeded"]),
    ]
}
