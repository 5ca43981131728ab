;; Draws from a stream that it never opened.
;; module: policy
(import "plan" "draw" (func $draw (param i32 i32 i32 i32 i32)))
(data (i32.const 640) "\09\00\00\00\00\00\00\00\10")
(func (export "fill") (param i64 i64 i32 i64) (result i32)
    (call $draw (i32.const 640) (i32.const 1) (i32.const 648) (i32.const 1) (i32.const 656)) (i32.const 0))
