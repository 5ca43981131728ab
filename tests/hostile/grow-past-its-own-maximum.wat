;; Wants more than its own maximum, and traps since it is not given it.
;; module: pacing
(memory (export "memory") 4 4)
(func (export "difficulty") (param i64) (result f64)
    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable))) (f64.const 0))
