;; Asks for columns with names of 16 KiB without end: each is copied before it is refused.
;; module: policy
(import "dataset" "quantile" (func $quantile (param i32 i32 f64 i32)))
(func (export "fill") (param i64 i64 i32 i64) (result i32)
    (loop $l (call $quantile (i32.const 4096) (i32.const 16384) (f64.const 0.5) (i32.const 704)) (global.set $next (i32.const 131072)) (br $l)) (i32.const 0))
