;; Takes a page of memory after the other.
;; module: pacing
(func (export "difficulty") (param i64) (result f64)
    (loop $l (drop (memory.grow (i32.const 1))) (br $l)) (f64.const 0))
