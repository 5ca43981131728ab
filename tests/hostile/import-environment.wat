;; Asks for `wasi:cli/environment@0.2.0`.
;; component
(component
    (import "wasi:cli/environment@0.2.0" (instance))
    (instance $none)
    (export "curricle:plugin/pacing@0.1.0" (instance $none)))
