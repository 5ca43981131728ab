;; Divides the smallest integer by -1.
;; module: pacing
(func (export "difficulty") (param i64) (result f64)
    (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))) (f64.const 0))
