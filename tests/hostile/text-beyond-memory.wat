;; Refuses in a text that ends beyond its memory.
;; module: pacing
(func (export "configure") (param i32 i32) (result i32) (i32.const 64))
(data (i32.const 64) "\01\00\00\00\00\00\00\00\00\02\00\00\ff\ff\ff\ff")
