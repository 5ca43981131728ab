;; Drops a handle that it was never given.
;; component: pacing
(type $thing (resource (rep i32)))
(core func $drop (canon resource.drop $thing))
(core module $wrong
    (import "host" "drop" (func $drop (param i32)))
    (func $start (call $drop (i32.const 77)))
    (start $start))
(core instance $imports (export "drop" (func $drop)))
(core instance (instantiate $wrong (with "host" (instance $imports))))
