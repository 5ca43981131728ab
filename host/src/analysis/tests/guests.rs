//! A metric in WebAssembly text that is sensitive to everything.

use crate::plugin::tests::guest::{GuestFile, GuestText, guest};

/// Gives memory back between calls, since nothing outlives one.
const FREE: &str = "(global.set $next (i32.const 131072))";

/// A guest whose every value depends on every token before and after it, and on the order in which partial results are merged.
pub(super) fn tangled() -> GuestText {
    guest("metric")
        .with("(func $grow (drop (memory.grow (i32.const 256)))) (start $grow)")
        .with("(data (i32.const 96) \"\\00\\00\\00\\00\\01\\00\\00\\00\\01\\01\")")
        .export("configure", "(param i32 i32) (result i32) (i32.const 96)")
        .with(
            "(func $mix (param i64) (i64.store (i32.const 2048)
                (i64.add (i64.mul (i64.load (i32.const 2048)) (i64.const 1000003)) (local.get 0))))",
        )
        .export(
            "accumulate",
            &format!(
                "(param i32 i64 i32 i32 i32 i32 i32) (result i32) (local $end i32)
                (call $mix (local.get 1))
                (local.set $end (i32.add (local.get 3) (local.get 4)))
                (block $done (loop $next
                    (br_if $done (i32.ge_u (local.get 3) (local.get $end)))
                    (call $mix (i64.load8_u (local.get 3)))
                    (local.set 3 (i32.add (local.get 3) (i32.const 1)))
                    (br $next)))
                {FREE} (i32.const 0)"
            ),
        )
        .export(
            "partial",
            "(param i32) (result i32)
                (i64.store (i32.const 2064) (i64.load (i32.const 2048))) (i64.store (i32.const 2048) (i64.const 0))
                (i32.store (i32.const 112) (i32.const 2064)) (i32.store (i32.const 116) (i32.const 8)) (i32.const 112)",
        )
        .export(
            "merge",
            &format!(
                "(param i32 i32 i32) (result i32)
                (i64.store (i32.const 2048) (i64.const 7))
                (block $done (loop $next
                    (br_if $done (i32.eqz (local.get 2)))
                    (call $mix (i64.load (i32.load (local.get 1))))
                    (local.set 1 (i32.add (local.get 1) (i32.const 8)))
                    (local.set 2 (i32.sub (local.get 2) (i32.const 1)))
                    (br $next)))
                (i64.store (i32.const 2072) (i64.load (i32.const 2048))) (i64.store (i32.const 2048) (i64.const 0))
                (i32.store (i32.const 132) (i32.const 2072)) (i32.store (i32.const 136) (i32.const 8)) {FREE} (i32.const 128)"
            ),
        )
        .export(
            "finish",
            &format!("(param i32 i32 i32) (result i32) (i64.store (i32.const 2056) (i64.load (local.get 1))) {FREE} (i32.const 0)"),
        )
        .export(
            "totals",
            "(result i32) (f64.store (i32.const 2080) (f64.convert_i64_u (i64.load (i32.const 2056))))
                (i32.store (i32.const 144) (i32.const 2080)) (i32.store (i32.const 148) (i32.const 1)) (i32.const 144)",
        )
}

/// What the last round answers: 64-bit values of the case `case`, each left on the stack by `value`, which finds the id of its sample in
/// local 0 and its length in local `$len`.
pub(super) fn measuring(guest: GuestText, case: u32, value: &str) -> GuestText {
    guest.export(
        "measure",
        &format!(
            "(param i64 i32 i32 i32 i32 i32) (result i32) (local $at i32) (local $len i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -8)))
            (local.set 5 (i32.sub (local.get 5) (i32.const 1)))
            (i32.store (i32.const 164) (i32.const {case}))
            (i32.store (i32.const 168) (local.get $at)) (i32.store (i32.const 172) (local.get 5))
            (block $done (loop $next
                (br_if $done (i32.eqz (local.get 5)))
                (local.set $len (i32.sub (i32.load offset=4 (local.get 4)) (i32.load (local.get 4))))
                (i64.store (local.get $at) {value})
                (local.set 0 (i64.add (local.get 0) (i64.const 1)))
                (local.set 4 (i32.add (local.get 4) (i32.const 4)))
                (local.set 5 (i32.sub (local.get 5) (i32.const 1)))
                (local.set $at (i32.add (local.get $at) (i32.const 8)))
                (br $next)))
            {FREE} (i32.const 160)"
        ),
    )
}

pub(in super::super) fn metric() -> GuestFile {
    let value = "(i64.add (i64.load (i32.const 2056)) (i64.add (local.get 0) (i64.extend_i32_u (local.get $len))))";
    measuring(tangled(), 3, value).file()
}

/// The same without values: one total that depends on all tokens and on the order of merging.
pub(in super::super) fn totals_only() -> GuestFile {
    measuring(tangled(), 3, "(i64.const 0)").with("(data (i32.const 105) \"\\00\")").file()
}

/// As [`metric`], without a pass: values of the ids and lengths alone.
pub(in super::super) fn one_round() -> GuestFile {
    let value = "(i64.add (local.get 0) (i64.extend_i32_u (local.get $len)))";
    measuring(tangled(), 3, value).with("(data (i32.const 100) \"\\00\")").file()
}

/// As [`metric`], with two passes.
pub(in super::super) fn two_passes() -> GuestFile {
    let value = "(i64.add (i64.load (i32.const 2056)) (i64.add (local.get 0) (i64.extend_i32_u (local.get $len))))";
    measuring(tangled(), 3, value).with("(data (i32.const 100) \"\\02\")").file()
}

/// As [`one_round`], without tokens.
pub(in super::super) fn lengths_alone() -> GuestFile {
    let value = "(i64.add (local.get 0) (i64.extend_i32_u (local.get $len)))";
    measuring(tangled(), 3, value).with("(data (i32.const 100) \"\\00\\00\\00\\00\\00\")").file()
}
