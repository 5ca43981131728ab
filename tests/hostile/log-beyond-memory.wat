;; Logs a text that ends beyond its memory.
;; module: pacing
(import "logging" "log" (func $log (param i32 i32 i32)))
(func (export "difficulty") (param i64) (result f64) (call $log (i32.const 0) (i32.const -9) (i32.const 20)) (f64.const 0))
