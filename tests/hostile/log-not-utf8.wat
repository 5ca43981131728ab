;; Logs what is not UTF-8.
;; module: pacing
(import "logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 512) "\ff\fe")
(func (export "difficulty") (param i64) (result f64) (call $log (i32.const 0) (i32.const 512) (i32.const 2)) (f64.const 0))
