;; Answers values of a type that there is not.
;; module: metric
(func (export "measure") (param i64 i32 i32 i32 i32 i32) (result i32)
    (i32.store (i32.const 164) (i32.const 9)) (i32.store (i32.const 168) (i32.const 1024)) (i32.store (i32.const 172) (i32.const 2))
    (i32.const 160))
