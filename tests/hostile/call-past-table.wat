;; Calls beyond the end of a table.
;; module: pacing
(type $none (func))
(table 1 funcref)
(func (export "difficulty") (param i64) (result f64)
    (call_indirect (type $none) (i32.const 9)) (f64.const 0))
