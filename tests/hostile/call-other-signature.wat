;; Calls a function as if it had another signature.
;; module: pacing
(type $none (func))
(table 1 funcref)
(elem (i32.const 0) $f)
(func $f (param i32))
(func (export "difficulty") (param i64) (result f64)
    (call_indirect (type $none) (i32.const 0)) (f64.const 0))
