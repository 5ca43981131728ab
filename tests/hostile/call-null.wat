;; Calls what is not in a table.
;; module: pacing
(type $none (func))
(table 1 funcref)
(func (export "difficulty") (param i64) (result f64)
    (call_indirect (type $none) (i32.const 0)) (f64.const 0))
