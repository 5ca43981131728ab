;; Reads beyond its memory.
;; module: pacing
(func (export "difficulty") (param i64) (result f64)
    (f64.load (i32.const -8)))
