;; Answers asynchronously.
;; component
(component
    (core module $m
        (func (export "f") (result i32) i32.const 0)
        (func (export "cb") (param i32 i32 i32) (result i32) i32.const 0))
    (core instance $m (instantiate $m))
    (func $f async (canon lift (core func $m "f") async (callback (core func $m "cb"))))
    (instance $i (export "difficulty" (func $f)))
    (export "curricle:plugin/pacing@0.1.0" (instance $i)))
