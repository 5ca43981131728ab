;; Answers a list that is not aligned.
;; module: metric
(func (export "measure") (param i64 i32 i32 i32 i32 i32) (result i32)
    (i32.store (i32.const 164) (i32.const 0)) (i32.store (i32.const 168) (i32.const 1025)) (i32.store (i32.const 172) (i32.const 2))
    (i32.const 160))
