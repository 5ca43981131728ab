;; Writes beyond its memory while it says who it is.
;; module: pacing
(func (export "describe") (result i32) (i32.store (i32.const -4) (i32.const 1)) (i32.const 16))
