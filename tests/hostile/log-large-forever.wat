;; Logs its whole memory without end: each line is copied before it is cut.
;; module: pacing
(import "logging" "log" (func $log (param i32 i32 i32)))
(func (export "difficulty") (param i64) (result f64)
    (loop $l (call $log (i32.const 0) (i32.const 0) (i32.const 65536)) (br $l)) (f64.const 0))
