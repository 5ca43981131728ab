;; Traps after its answer was read.
;; module: pacing
(func (export "post configure") (param i32) (unreachable))
