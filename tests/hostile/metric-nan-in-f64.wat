;; Answers NaN among values of 64 bits.
;; module: metric
(data (i32.const 1032) "\00\00\00\00\00\00\f8\7f")
(func (export "measure") (param i64 i32 i32 i32 i32 i32) (result i32)
    (i32.store (i32.const 164) (i32.const 1)) (i32.store (i32.const 168) (i32.const 1024)) (i32.store (i32.const 172) (i32.sub (local.get 5) (i32.const 1)))
    (i32.const 160))
