;; Calls itself without end, and the host from every depth.
;; module: policy
(import "plan" "size" (func $size (result i32)))
(func $deeper (param i32) (result i32) (i32.add (call $size) (call $deeper (i32.add (local.get 0) (i32.const 1)))))
(func (export "fill") (param i64 i64 i32 i64) (result i32) (drop (call $deeper (i32.const 0))) (i32.const 0))
