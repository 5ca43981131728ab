;; Asks for a function of no interface.
;; component
(component
    (import "launch-missiles" (func))
    (instance $none)
    (export "curricle:plugin/pacing@0.1.0" (instance $none)))
