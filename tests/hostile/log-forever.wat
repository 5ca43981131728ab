;; Logs without end.
;; module: pacing
(import "logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 512) "again")
(func (export "difficulty") (param i64) (result f64)
    (loop $l (call $log (i32.const 0) (i32.const 512) (i32.const 5)) (br $l)) (f64.const 0))
