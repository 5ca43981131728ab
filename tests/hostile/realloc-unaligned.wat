;; Gives room for offsets at an address that is not aligned.
;; module: metric
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 131073))
