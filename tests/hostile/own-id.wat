;; Has the name and version of another plugin, but not its bytes.
;; module: pacing
(func (export "difficulty") (param i64) (result f64) (f64.const 3))
