;; Asks for the pacing function whose host code panics in this test.
;; module: policy
(import "pacings" "difficulty" (func $difficulty (param i32 i32 i64 i32)))
(data (i32.const 512) "panics")
(func (export "fill") (param i64 i64 i32 i64) (result i32)
    (call $difficulty (i32.const 512) (i32.const 6) (i64.const 0) (i32.const 704)) (i32.const 0))
