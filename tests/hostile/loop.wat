;; Never answers.
;; module: pacing
(func (export "difficulty") (param i64) (result f64)
    (loop $l (br $l)) (f64.const 0))
