;; Fills memory beyond its end.
;; module: pacing
(func (export "difficulty") (param i64) (result f64)
    (memory.fill (i32.const 262100) (i32.const 1) (i32.const 1000)) (f64.const 0))
