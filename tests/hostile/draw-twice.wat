;; Names a stream twice in one draw.
;; module: policy
(import "streams" "open" (func $open (param i32 i32 i32 i32 i32 i32 i32 i32)))
(import "plan" "draw" (func $draw (param i32 i32 i32 i32 i32)))
(data (i32.const 512) "all") (data (i32.const 640) "\00\00\00\00\00\00\00\00\01\00\00\00\01")
(func (export "configure") (param i32 i32) (result i32)
    (call $open (i32.const 512) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 600)) (i32.const 0))
(func (export "fill") (param i64 i64 i32 i64) (result i32)
    (call $draw (i32.const 640) (i32.const 2) (i32.const 648) (i32.const 2) (i32.const 656)) (i32.const 0))
