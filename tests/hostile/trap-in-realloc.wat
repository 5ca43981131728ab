;; Traps while it gives room for an argument.
;; module: pacing
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
