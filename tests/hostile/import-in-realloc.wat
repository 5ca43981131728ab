;; Calls the host while it gives room for an argument.
;; module: pacing
(import "logging" "log" (func $log (param i32 i32 i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (call $log (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 131072))
