;; Copies its whole memory for ever: much work for few instructions.
;; module: pacing
(func (export "difficulty") (param i64) (result f64)
    (loop $l (memory.copy (i32.const 0) (i32.const 4) (i32.const 262140)) (br $l)) (f64.const 0))
