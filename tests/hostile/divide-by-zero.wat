;; Divides by zero.
;; module: pacing
(func (export "difficulty") (param i64) (result f64)
    (drop (i32.div_u (i32.const 1) (i32.const 0))) (f64.const 0))
