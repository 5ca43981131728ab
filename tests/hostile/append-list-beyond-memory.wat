;; Appends a list of ids that ends beyond its memory.
;; module: policy
(import "plan" "append" (func $append (param i32 i32 i32)))
(func (export "fill") (param i64 i64 i32 i64) (result i32)
    (call $append (i32.const 640) (i32.const 1000000) (i32.const 656)) (i32.const 0))
