;; Answers a list of more bytes than an address can have.
;; module: metric
(func (export "measure") (param i64 i32 i32 i32 i32 i32) (result i32)
    (i32.store (i32.const 164) (i32.const 0)) (i32.store (i32.const 168) (i32.const 1024)) (i32.store (i32.const 172) (i32.const -1))
    (i32.const 160))
