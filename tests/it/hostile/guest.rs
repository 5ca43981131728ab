//! From the sources in `tests/hostile` to plugins.
//!
//! The second line of a `.wat` file says what it is: `;; module: WORLD`, the fields of a core module, completed to a plugin of that world;
//! `;; component: pacing`, the fields of a component, completed to a pacing function; or `;; component`, a component as it stands.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where a row's plugin comes from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// A file `tests/hostile/NAME.wat`.
    Wat(&'static str),
    /// One of the `evil-…` plugins, written in Rust.
    Evil(&'static str),
    /// A built-in plugin.
    Builtin(&'static str),
    /// Fields of a pacing component that would be tedious as a file.
    Fields(fn() -> String),
    /// Bytes that may be anything.
    Bytes(fn() -> Vec<u8>),
}

impl Source {
    /// The plugin's file: made in `folder`, if it is not there already.
    pub(super) fn file(self, folder: &Path) -> PathBuf {
        let bytes = match self {
            Source::Wat(name) => component(&fs::read_to_string(sources().join(format!("{name}.wat"))).expect(name)),
            Source::Evil(name) => return evil(name),
            Source::Builtin(name) => return curricle_tests::plugin(name),
            Source::Fields(fields) => pacing_component(&fields()),
            Source::Bytes(bytes) => bytes(),
        };
        let path = folder.join("hostile.wasm");
        fs::write(&path, bytes).expect("a plugin's file");
        path
    }
}

/// The folder of the sources.
pub(super) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile")
}

/// One of the plugins that were built from Rust.
pub(crate) fn evil(name: &str) -> PathBuf {
    let folder = env::var_os("CURRICLE_HOSTILE").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/hostile"));
    let path = folder.join(format!("{name}.wasm"));
    assert!(path.is_file(), "`{}` is not built; run the tests with `cargo xtask test`", path.display());
    path
}

/// A component in the text of a file.
pub(crate) fn component(text: &str) -> Vec<u8> {
    let kind = text.lines().nth(1).and_then(|line| line.strip_prefix(";; ")).expect("a second line that says what it is");
    match kind.split_once(": ") {
        None if kind == "component" => parse(text),
        Some(("component", "pacing")) => pacing_component(text),
        Some(("module", world)) => encode(world, &module(world, text)),
        _ => panic!("`{kind}` is no kind of source"),
    }
}

/// The core module of a file.
pub(super) fn core_module(name: &str) -> Vec<u8> {
    let text = fs::read_to_string(sources().join(format!("{name}.wat"))).expect(name);
    parse(&module("pacing", &text))
}

fn parse(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"))
}

/// What the functions of each world do unless a file says otherwise: interface, name, and the rest.
fn functions(world: &str) -> &'static [(&'static str, &'static str, &'static str)] {
    const OK: &str = "(param i32 i32) (result i32) (i32.const 0)";
    const FILL: &str = "(param i64 i64 i32 i64) (result i32) (i32.const 0)";
    match world {
        "pacing" => &[
            ("pacing", "configure", OK),
            ("pacing", "difficulty", "(param i64) (result f64) (f64.const 0)"),
            ("pacing", "describe", DESCRIBE),
        ],
        "policy" => &[("policy", "configure", OK), ("policy", "fill", FILL), ("policy", "describe", DESCRIBE)],
        "stateful-policy" => &[
            ("policy", "configure", OK),
            ("policy", "fill", FILL),
            ("policy", "describe", DESCRIBE),
            // No bytes, at 0.
            ("snapshot", "save", "(result i32) (i32.const 0)"),
            ("snapshot", "restore", OK),
        ],
        "packer" => &[
            ("packer", "configure", OK),
            ("packer", "pack", "(param i32 i32 i32 i32 i32) (result i32) (i32.const 0)"),
            ("packer", "describe", DESCRIBE),
        ],
        "metric" => &[
            // ok(needs { passes: 0, tokens: false, values: true })
            ("metric", "configure", "(param i32 i32) (result i32) (i32.store8 (i32.const 105) (i32.const 1)) (i32.const 96)"),
            ("metric", "accumulate", "(param i32 i64 i32 i32 i32 i32 i32) (result i32) (i32.const 0)"),
            ("metric", "partial", "(param i32) (result i32) (i32.const 0)"),
            ("metric", "merge", "(param i32 i32 i32) (result i32) (i32.const 0)"),
            ("metric", "finish", "(param i32 i32 i32) (result i32) (i32.const 0)"),
            ("metric", "totals", "(result i32) (i32.const 0)"),
            ("metric", "measure", "(param i64 i32 i32 i32 i32 i32) (result i32) (i32.const 0)"),
            ("metric", "describe", DESCRIBE),
        ],
        world => panic!("there is no world `{world}`"),
    }
}

const DESCRIBE: &str = "(result i32) (i32.const 16)";

/// At 16 the description: name, version, summary and schema, each as pointer and length. Their bytes from 256. At 0 zeros.
const DESCRIPTION: &str = r#"
    (data (i32.const 16) "\00\01\00\00\09\00\00\00\10\01\00\00\05\00\00\00\20\01\00\00\0c\00\00\00\30\01\00\00\00\00\00\00")
    (data (i32.const 256) "hand-made") (data (i32.const 272) "1.0.0") (data (i32.const 288) "Made by hand")"#;

const MEMORY: &str = r#"(memory (export "memory") 4)"#;

/// Never gives anything back, and never grows.
const REALLOC: &str = r#"
    (global $next (mut i32) (i32.const 131072))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.set $next (i32.add (local.get $at) (local.get 3)))
        (local.get $at))"#;

/// Fields of a core module, completed: short names of exports and imports become those of the contract.
fn module(world: &str, fields: &str) -> String {
    let mut fields = fields.to_owned();
    for interface in ["logging", "dataset", "streams", "plan", "pacings"] {
        fields = fields.replace(&format!("(import \"{interface}\""), &format!("(import \"curricle:plugin/{interface}@0.1.0\""));
    }
    let mut rest = String::new();
    for (interface, name, default) in functions(world) {
        let full = format!("curricle:plugin/{interface}@0.1.0#{name}");
        fields = fields.replace(&format!("(export \"post {name}\")"), &format!("(export \"cabi_post_{full}\")"));
        let short = format!("(export \"{name}\")");
        if fields.contains(&short) {
            fields = fields.replace(&short, &format!("(export \"{full}\")"));
        } else {
            rest += &format!("(func (export \"{full}\") {default})\n");
        }
    }
    if !fields.contains("(memory ") {
        rest += MEMORY;
    }
    if !fields.contains("\"cabi_realloc\"") {
        rest += REALLOC;
    }
    format!("(module {DESCRIPTION} {fields} {rest})")
}

/// A component of a core module for a world.
fn encode(world: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")).expect("the contract");
    let world = resolve.select_world(&[package], Some(&format!("{world}-plugin"))).expect("a world");
    let mut module = parse(module);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("a module for the world");
    ComponentEncoder::default().module(&module).expect("a module").validate(true).encode().expect("a component")
}

/// Fields of a component, completed to a pacing function. Its own module is `$m` unless the fields have one of that name.
pub(super) fn pacing_component(fields: &str) -> Vec<u8> {
    let module = if fields.contains("(core module $m") { String::new() } else { format!("(core module $m {DESCRIPTION} {PLAIN})") };
    let instance = if fields.contains("(core instance $m") { "" } else { "(core instance $m (instantiate $m))" };
    parse(&format!(
        r#"(component
            (import "curricle:plugin/types@0.1.0" (instance $types
                (type $e (variant (case "config" string) (case "data" string) (case "state" string) (case "exhausted")))
                (export "error" (type (eq $e)))
                (type $d (record (field "name" string) (field "version" string) (field "summary" string) (field "config-schema" string)))
                (export "description" (type (eq $d)))))
            (alias export $types "error" (type $error))
            (alias export $types "description" (type $description))
            {module}
            {fields}
            {instance}
            (alias core export $m "memory" (core memory $memory))
            (alias core export $m "realloc" (core func $realloc))
            (func $describe (result $description) (canon lift (core func $m "describe") (memory $memory)))
            (func $configure (param "config" string) (result (result (error $error)))
                (canon lift (core func $m "configure") (memory $memory) (realloc $realloc)))
            (func $difficulty (param "step" u64) (result f64) (canon lift (core func $m "difficulty")))
            (instance $pacing
                (export "describe" (func $describe)) (export "configure" (func $configure)) (export "difficulty" (func $difficulty)))
            (export "curricle:plugin/pacing@0.1.0" (instance $pacing)))"#
    ))
}

/// The module of a pacing component that does nothing wrong, but for its description.
const PLAIN: &str = r#"
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 131072))
    (func (export "describe") (result i32) (i32.const 16))
    (func (export "configure") (param i32 i32) (result i32) (i32.const 0))
    (func (export "difficulty") (param i64) (result f64) (f64.const 0))"#;
