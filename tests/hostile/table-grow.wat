;; Lets a table grow without end.
;; module: pacing
(table $t 1 funcref)
(func (export "difficulty") (param i64) (result f64)
    (loop $l (drop (table.grow $t (ref.null func) (i32.const 10000))) (br $l)) (f64.const 0))
