;; Refuses in a text of 128 KiB.
;; module: pacing
(func (export "configure") (param i32 i32) (result i32) (i32.const 64))
(data (i32.const 64) "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\02\00")
