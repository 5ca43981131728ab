;; Wants more memory than it may have, at once.
;; module: pacing
(func (export "difficulty") (param i64) (result f64)
    (drop (memory.grow (i32.const 30000))) (f64.const 0))
