;; Refuses in a text that is not UTF-8.
;; module: pacing
(func (export "configure") (param i32 i32) (result i32) (i32.const 64))
(data (i32.const 64) "\01\00\00\00\00\00\00\00\00\02\00\00\01\00\00\00")
(data (i32.const 512) "\ff")
