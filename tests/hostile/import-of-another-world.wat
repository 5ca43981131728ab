;; Asks for streams, which a pacing function is not given.
;; component
(component
    (import "curricle:plugin/streams@0.1.0" (instance))
    (instance $none)
    (export "curricle:plugin/pacing@0.1.0" (instance $none)))
