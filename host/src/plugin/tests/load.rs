//! Files that are no plugin of this host.

use std::time::Duration;

use serde_json::Value;

use super::guest::{GuestFile, GuestText, OK, guest};
use crate::plugin::{Kind, Limits, MetricPlugin, PacingPlugin, inspect};

fn pacing() -> GuestText {
    guest("pacing")
        .export("configure", &format!("(param i32 i32) (result i32) {OK}"))
        .export("difficulty", "(param i64) (result f64) (f64.const 0)")
}

fn refused(bytes: &[u8]) -> (&'static str, String) {
    let error = PacingPlugin::load("p", &GuestFile::new(bytes).path(), &Value::Null, &Limits::default()).unwrap_err();
    (error.code(), error.to_string())
}

#[test]
fn files_that_are_no_component_are_told_apart() {
    let cases: [(&[u8], &str); 6] = [
        (b"", "its file is empty; build it again"),
        (b"(component)", "it is WebAssembly text; make a binary of it with `wasm-tools parse`"),
        (b"#!/bin/sh\n", "it is not WebAssembly; give the `.wasm` file of a component"),
        (b"\x7fELF....", "it is machine code, which is never loaded; give the `.wasm` file that it was made from"),
        (b"\0asm", "its file is cut off, or made for another version of WebAssembly; build it again with current tools"),
        (
            &pacing().module(),
            "it is a core module, not a component; make a component of it: `curricle build` does, or `wasm-tools component new`",
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(refused(bytes), ("plugin-load", format!("plugin `p`, load: {expected}")));
    }
}

#[test]
fn damage_is_found_before_anything_runs() {
    let component = pacing().component();
    for length in [component.len() / 2, component.len() - 1] {
        let (code, text) = refused(&component[..length]);
        assert_eq!(code, "plugin-load");
        assert!(text.starts_with("plugin `p`, load: it "), "{text}");
    }
}

#[test]
fn a_component_of_nothing_implements_no_world() {
    assert_eq!(
        refused(&wat::parse_str("(component)").unwrap()),
        (
            "plugin-link",
            "plugin `p`, load: it implements no world of `curricle:plugin`: it exports nothing; export `pacing`, `metric`, `policy` or \
             `packer`, as `wit/README.md` says"
                .to_owned()
        )
    );
}

#[test]
fn another_version_is_refused_by_name() {
    let later = wat::parse_str(r#"(component (instance $i) (export "curricle:plugin/pacing@0.2.0" (instance $i)))"#).unwrap();
    assert_eq!(
        refused(&later).1,
        "plugin `p`, load: it is built for `curricle:plugin@0.2.0`, this host offers `0.1.x`; upgrade Curricle to a release that offers it, \
         or build the plugin against the `wit/` of this release"
    );
}

#[test]
fn a_plugin_with_two_worlds_is_refused() {
    let both = r#"(component (instance $i)
        (export "curricle:plugin/pacing@0.1.0" (instance $i)) (export "curricle:plugin/packer@0.1.0" (instance $i)))"#;
    assert_eq!(
        refused(&wat::parse_str(both).unwrap()).1,
        "plugin `p`, load: it is both a pacing function and a packer; make two plugins of it"
    );
}

#[test]
fn ungranted_imports_are_listed() {
    let wasi = r#"(component
        (import "wasi:clocks/wall-clock@0.2.0" (instance)) (instance $i) (export "curricle:plugin/pacing@0.1.0" (instance $i)))"#;
    assert_eq!(
        refused(&wat::parse_str(wasi).unwrap()),
        (
            "plugin-link",
            "plugin `p`, load: it imports what a pacing function is not given: `wasi:clocks/wall-clock@0.2.0`; build it without WASI: Rust for \
             `wasm32-unknown-unknown`, Python with `--stub-wasi`, JavaScript with all features disabled"
                .to_owned()
        )
    );
    let streams = r#"(component
        (import "curricle:plugin/streams@0.1.0" (instance)) (instance $i) (export "curricle:plugin/pacing@0.1.0" (instance $i)))"#;
    assert_eq!(
        refused(&wat::parse_str(streams).unwrap()).1,
        "plugin `p`, load: it imports what a pacing function is not given: `curricle:plugin/streams@0.1.0`; leave these imports out: only those \
         of its world in `wit/` are there"
    );
}

#[test]
fn a_missing_or_differing_export_does_not_fit_its_world() {
    let empty = r#"(component (instance $i) (export "curricle:plugin/pacing@0.1.0" (instance $i)))"#;
    let (code, text) = refused(&wat::parse_str(empty).unwrap());
    assert_eq!(code, "plugin-link");
    assert!(text.starts_with("plugin `p`, load: it does not fit its world: "), "{text}");
    assert!(text.ends_with("; build it against the `wit/` of this release"), "{text}");
}

#[test]
fn an_asynchronous_component_is_refused_with_a_sentence() {
    let component = r#"(component
        (core module $m (func (export "f") (result i32) i32.const 0) (func (export "cb") (param i32 i32 i32) (result i32) i32.const 0))
        (core instance $m (instantiate $m))
        (func $f async (canon lift (core func $m "f") async (callback (core func $m "cb"))))
        (instance $i (export "difficulty" (func $f)))
        (export "curricle:plugin/pacing@0.1.0" (instance $i)))"#;
    assert_eq!(
        refused(&wat::parse_str(component).unwrap()),
        (
            "plugin-load",
            "plugin `p`, load: it is an asynchronous component; build it without async exports: plugins answer synchronously".to_owned()
        )
    );
}

#[test]
fn a_plugin_of_another_kind_is_refused() {
    let error = MetricPlugin::load("p", &pacing().file().path(), &Value::Null, &Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `p`, load: it is a pacing function, a metric is needed here; name another plugin, or use this one where its kind belongs"
    );
}

#[test]
fn compiling_has_a_deadline() {
    // Unlike any other guest of these tests, so that it is not in the cache.
    let unique = format!("(data (i32.const 60000) \"{:?}\")", std::time::Instant::now()).replace(['{', '}'], "");
    let limits = Limits { compile_time: Duration::ZERO, ..Limits::default() };
    let error = PacingPlugin::load("p", &pacing().with(&unique).file().path(), &Value::Null, &limits).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("plugin `p`, load: compiling its ") && text.contains(" takes longer than 0 s; raise `limits.compile-time`"),
        "{text}"
    );
}

#[test]
fn descriptions_keep_to_the_contract() {
    let refused =
        |guest: GuestText| PacingPlugin::load("p", &guest.file().path(), &Value::Null, &Limits::default()).unwrap_err().to_string();
    assert_eq!(
        refused(pacing().name("My Plugin\n")),
        "plugin `p`, pacing.describe: it calls itself `My Plugin\\n`, a name is 1 to 64 of a-z, 0-9 and hyphen, a letter first; tell the author of \
         the plugin"
    );
    assert_eq!(
        refused(pacing().version("1")),
        "plugin `p`, pacing.describe: its version is `1`, a semantic version such as `1.4.0` is expected; tell the author of the plugin"
    );
    assert_eq!(
        refused(pacing().schema(&" ".repeat(65537))),
        "plugin `p`, pacing.describe: its config-schema has 65537 bytes, at most 65536 are allowed; tell the author of the plugin"
    );
}

#[test]
fn an_inspection_tells_what_a_file_is() {
    let file = pacing().file();
    let found = inspect(&file.path()).unwrap();
    assert_eq!(found.kind, Kind::Pacing);
    assert_eq!(found.exports, ["curricle:plugin/pacing@0.1.0"]);
    assert_eq!(found.size, std::fs::metadata(file.path()).unwrap().len());
    assert_eq!(found.description.version, "1.0.0");
}
