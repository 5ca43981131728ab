;; Opens handles without end.
;; component: pacing
(type $thing (resource (rep i32)))
(core func $new (canon resource.new $thing))
(core module $flood
    (import "host" "new" (func $new (param i32) (result i32)))
    (func $start (loop $l (drop (call $new (i32.const 7))) (br $l)))
    (start $start))
(core instance $imports (export "new" (func $new)))
(core instance (instantiate $flood (with "host" (instance $imports))))
