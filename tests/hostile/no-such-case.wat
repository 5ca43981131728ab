;; Answers a case that the variant does not have.
;; module: pacing
(func (export "configure") (param i32 i32) (result i32) (i32.const 64))
(data (i32.const 64) "\01\00\00\00\09")
