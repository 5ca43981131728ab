;; Appends the first samples of the dataset at every step: it never advances, which it may.
;; module: policy
(import "plan" "size" (func $size (result i32)))
(import "plan" "append" (func $append (param i32 i32 i32)))
(func (export "fill") (param i64 i64 i32 i64) (result i32) (local $i i32)
    (loop $l
        (i64.store (i32.add (i32.const 4096) (i32.mul (local.get $i) (i32.const 8))) (i64.extend_i32_u (local.get $i)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (call $size))))
    (call $append (i32.const 4096) (call $size) (i32.const 704))
    (i32.const 0))
