//! Components that are small and ask for much: of the compiler, of the host's memory, of its stack.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{
    drive::Drive::{Configure, Load},
    guest::{self, Source::*},
    row::{Row, row},
};

fn repeat(n: usize, part: impl Fn(usize) -> String) -> String {
    (0..n).map(part).collect()
}

fn instances() -> String {
    format!("(core module $e)\n{}", repeat(900, |_| "(core instance (instantiate $e))".to_owned()))
}

fn memories() -> String {
    format!("(core module $e (memory 0))\n{}", repeat(60, |_| "(core instance (instantiate $e))".to_owned()))
}

fn tables() -> String {
    format!("(core module $e {})\n(core instance (instantiate $e))", repeat(70, |_| "(table 0 funcref)".to_owned()))
}

/// Components within components.
fn nested() -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    for _ in 0..2000 {
        let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
        leb(bytes.len() as u64, &mut outer);
        outer.extend(&bytes);
        bytes = outer;
    }
    bytes
}

pub(super) fn leb(mut n: u64, out: &mut Vec<u8>) {
    while n >= 128 {
        out.push(n as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Types that double at each definition.
fn doubling_types() -> String {
    let next = |i: usize| format!("(type $t{} (tuple $t{i} $t{i}))\n", i + 1);
    format!("(type $t0 (tuple u8 u8))\n{}", repeat(60, next))
}

/// Lists of lists of lists.
fn deep_types() -> String {
    format!("(type $t0 (list u8))\n{}", repeat(5000, |i| format!("(type $t{} (list $t{i}))\n", i + 1)))
}

/// Instance types that double at each definition, each with the exports of two others.
fn doubling_instances() -> String {
    let next =
        |i: usize| format!("(type $i{} (instance (export \"a\" (instance (type $i{i}))) (export \"b\" (instance (type $i{i})))))\n", i + 1);
    format!("(type $i0 (instance (export \"f\" (func))))\n{}", repeat(40, next))
}

/// Blocks within blocks, deeper than any compiler may recurse.
pub(super) fn deep_blocks() -> String {
    format!("(core module (func {} {}))", "block ".repeat(100_000), "end ".repeat(100_000))
}

/// A function that takes the compiler long.
fn long_function() -> String {
    let step =
        "(local.set 0 (i64.xor (i64.mul (local.get 1) (i64.load (i32.wrap_i64 (local.get 0)))) (i64.div_u (local.get 2) (local.get 3))))";
    let body = repeat(12_000, |i| format!("(if (i64.eqz (local.get {})) (then {step}))", i % 4));
    // What was given up for one run is in the cache for the next: another number makes it another component.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
    format!("(core module (memory 1) (func (local i64 i64 i64 i64) (local.set 0 (i64.const {now})) {body}))")
}

fn functions() -> String {
    format!("(core module {})", "(func)".repeat(1_100_000))
}

fn locals() -> Vec<u8> {
    // A function of four billion locals in a few bytes.
    let mut module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x0a\x01\x08\x01".to_vec();
    module.extend(b"\xff\xff\xff\xff\x0f\x7f\x0b");
    let mut component = b"\0asm\x0d\0\x01\0\x01".to_vec();
    leb(module.len() as u64, &mut component);
    component.extend(module);
    // An export of the contract, so that it comes to be compiled.
    component.extend(exports_nothing());
    component
}

/// The sections of a component that exports an empty instance as a pacing function, without the header.
fn exports_nothing() -> Vec<u8> {
    let text = r#"(component (instance $none) (export "curricle:plugin/pacing@0.1.0" (instance $none)))"#;
    wat::parse_str(text).expect("a component").split_off(8)
}

/// A good plugin with an unknown section of 20 MB.
pub(super) fn padded() -> Vec<u8> {
    let mut bytes = guest::pacing_component("");
    bytes.push(0);
    leb(20_000_002, &mut bytes);
    bytes.extend(b"\x01x");
    bytes.resize(bytes.len() + 20_000_000, 0);
    bytes
}

fn long_name() -> String {
    format!("(core module (func (export \"{}\")))", "n".repeat(200_000))
}

/// A module with a start function that has more code than fits the time for compiling.
pub(super) fn rows() -> Vec<Row> {
    let load = |name, fields| row(name, Fields(fields), Load, "plugin-load", "load").takes(Duration::from_secs(5)).needs(256 << 20);
    let parts = |name, fields| {
        row(name, Fields(fields), Load, "plugin-limit", "instantiate")
            .takes(Duration::from_secs(5))
            .needs(256 << 20)
            .limit(|l| l.parts = 50)
    };
    vec![
        parts("too many instances", instances).says(&["core instances or more, at most 50 are made", "`limits.parts`"]),
        parts("too many memories", memories).says(&["or more, at most 50 are made", "`limits.parts`"]),
        parts("too many tables", tables).says(&["or more, at most 50 are made", "`limits.parts`"]),
        row("two thousand components within one another", Bytes(nested), Load, "plugin-load", "load").says(&["nest more than 64 deep"]),
        load("types that double sixty times", doubling_types).says(&["it cannot be compiled"]),
        load("instance types that double forty times", doubling_instances).says(&["it cannot be compiled"]),
        load("lists five thousand deep", deep_types).says(&["it cannot be compiled"]),
        load("more functions than a module may have", functions).says(&["it cannot be compiled"]),
        load("a name of 200 000 bytes", long_name).says(&["it cannot be compiled"]),
        row("four billion locals", Bytes(locals), Load, "plugin-load", "load").says(&["it cannot be compiled"]),
        row("what takes long to compile", Fields(long_function), Load, "plugin-limit", "load")
            .limit(|l| l.compile_time = Duration::from_millis(50))
            .needs(512 << 20)
            .takes(Duration::from_secs(2))
            .says(&["compiling its ", " takes longer than 50 ms", "`limits.compile-time`"]),
        row("a large section of nothing", Bytes(padded), Configure, "plugin-limit", "load")
            .says(&["at most 16 MiB are read", "`limits.file-size`"]),
    ]
}
