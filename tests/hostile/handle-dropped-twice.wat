;; Drops a handle twice.
;; component: pacing
(type $thing (resource (rep i32)))
(core func $new (canon resource.new $thing))
(core func $drop (canon resource.drop $thing))
(core module $wrong
    (import "host" "new" (func $new (param i32) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func $start (local $handle i32)
        (local.set $handle (call $new (i32.const 7))) (call $drop (local.get $handle)) (call $drop (local.get $handle)))
    (start $start))
(core instance $imports (export "new" (func $new)) (export "drop" (func $drop)))
(core instance (instantiate $wrong (with "host" (instance $imports))))
