;; Logs at a level that there is not.
;; module: pacing
(import "logging" "log" (func $log (param i32 i32 i32)))
(func (export "difficulty") (param i64) (result f64) (call $log (i32.const 9) (i32.const 0) (i32.const 1)) (f64.const 0))
