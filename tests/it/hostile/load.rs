//! What is no plugin at all.

use curricle::plugin::find;

use super::{
    drive::Drive::{Configure, Load, LoadPolicy, Pinned, Run},
    guest::{self, Source::*},
    row::{Row, row},
};

/// The beginning of a plugin.
fn beginning(bytes: usize) -> Vec<u8> {
    let mut whole = good();
    whole.truncate(bytes);
    whole
}

/// A plugin that does nothing wrong.
pub(super) fn good() -> Vec<u8> {
    guest::pacing_component("")
}

/// A plugin that was compiled already, as the cache holds it.
fn compiled() -> Vec<u8> {
    // An ELF header as the compiler writes it, with the name of the compiler's section behind it.
    [&b"\x7fELF\x02\x01\x01\xc8\0\0\0\0\0\0\0\0"[..], &[0; 48], b".wasmtime.engine"].concat()
}

pub(super) fn rows() -> Vec<Row> {
    let load = |name, bytes| row(name, Bytes(bytes), Load, "plugin-load", "load");
    let fields = |name, file| row(name, Wat(file), Load, "plugin-load", "load").says(&["it cannot be compiled", "build it again"]);
    vec![
        load("no bytes", Vec::new).says(&["its file is empty"]),
        load("text instead of a binary", || b"(component)".to_vec()).says(&["it is WebAssembly text", "`wasm-tools parse`"]),
        load("text after a byte-order mark", || "\u{feff}(component)".into()).says(&["it is not WebAssembly"]),
        load("a script", || b"#!/bin/sh\nrm -r /\n".to_vec()).says(&["it is not WebAssembly"]),
        load("an archive", || b"PK\x03\x04 and so on".to_vec()).says(&["it is not WebAssembly"]),
        load("compiled code", compiled).says(&["it is machine code, which is never loaded"]),
        load("a program of this machine", || std::fs::read("/proc/self/exe").map(|b| b[..4096].to_vec()).unwrap_or(compiled()))
            .says(&["it is machine code"]),
        load("the first bytes alone", || beginning(4)).says(&["cut off"]),
        row("a header alone", Bytes(|| beginning(8)), Load, "plugin-link", "load").says(&["it exports nothing"]),
        load("the first half", || beginning(good().len() / 2)).says(&["damaged at byte"]),
        load("all but the last byte", || beginning(good().len() - 1)).says(&["damaged at byte"]),
        load("a core module", || guest::core_module("loop")).says(&["a core module, not a component", "curricle build"]),
        load("zeros", || vec![0; 4096]).says(&["it is not WebAssembly"]),
        fields("memory64", "feature-memory64"),
        fields("shared memory", "feature-threads"),
        fields("garbage collection", "feature-gc"),
        fields("relaxed SIMD", "feature-relaxed-simd"),
        fields("pages of a byte", "feature-page-sizes"),
        fields("stack switching", "feature-stack-switching"),
        row("an asynchronous component", Wat("asynchronous"), Load, "plugin-load", "load").says(&["it is an asynchronous component"]),
        row("another digest than is pinned", Wat("own-id"), Pinned, "plugin-load", "load").says(&["has SHA-256 ", "abab"]),
        row(
            "another digest than a run file pins",
            Evil("evil-policy"),
            Run("[policy]\nplugin = \"PLUGIN\"\nsha256 = \"00\"\n"),
            "plugin-load",
            "load",
        )
        .says(&["SHA-256", "pin this one"]),
        row("a large file", Builtin("uniform"), LoadPolicy, "plugin-limit", "load")
            .limit(|l| l.file_size = 50_000)
            .says(&["bytes, at most 50000 bytes are read", "`limits.file-size`"]),
        row("no configuration where one is needed", Wat("schema-strict"), Load, "config", "").with("{}").says(&["`steps` is missing"]),
        row("an unknown key", Wat("schema-strict"), Load, "config", "")
            .with(r#"{"steps": 3, "stepz\u001b": 4}"#)
            .says(&["unknown key `stepz\\u{1b}`"]),
        row("a key of another type", Wat("schema-strict"), Load, "config", "").with(r#"{"steps": "\u001b[2J"}"#).says(&["key `steps`"]),
        row("a number out of bounds", Wat("schema-strict"), Load, "config", "")
            .with(r#"{"steps": 10}"#)
            .says(&["found 10; it must be at most 9"]),
        row("a configuration that is no table", Wat("schema-strict"), Load, "config", "").with("[1, 2]").says(&["not a table"]),
        row("a configuration without a schema that is refused", Evil("evil-pacing"), Configure, "plugin-refused", "pacing.configure")
            .with(r#"{"answer": "all"}"#)
            .says(&["unknown variant `all`", "change the configuration"]),
    ]
}

#[test]
fn a_name_that_is_no_file_says_where_it_was_looked_for() {
    let error = find("no\x1bsuch").unwrap_err();
    assert_eq!(error.code(), "config");
    assert!(error.to_string().contains("plugin `no\\u{1b}such`") && error.to_string().contains("CURRICLE_PLUGINS"), "{error}");
}
