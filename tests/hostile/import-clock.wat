;; Asks for `wasi:clocks/wall-clock@0.2.0`.
;; component
(component
    (import "wasi:clocks/wall-clock@0.2.0" (instance))
    (instance $none)
    (export "curricle:plugin/pacing@0.1.0" (instance $none)))
