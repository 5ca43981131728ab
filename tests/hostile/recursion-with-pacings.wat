;; Calls itself without end, and a pacing function, a plugin itself, from every depth.
;; module: policy
(import "pacings" "difficulty" (func $difficulty (param i32 i32 i64 i32)))
(data (i32.const 512) "deep")
(func $deeper (call $difficulty (i32.const 512) (i32.const 4) (i64.const 0) (i32.const 704)) (call $deeper))
(func (export "fill") (param i64 i64 i32 i64) (result i32) (call $deeper) (i32.const 0))
