;; Exports functions of other signatures.
;; component
(component
    (core module $m (func (export "f") (param i64)))
    (core instance $m (instantiate $m))
    (func $f (param "step" u64) (canon lift (core func $m "f")))
    (instance $pacing (export "describe" (func $f)) (export "configure" (func $f)) (export "difficulty" (func $f)))
    (export "curricle:plugin/pacing@0.1.0" (instance $pacing)))
