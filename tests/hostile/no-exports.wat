;; Exports an interface without its functions.
;; component
(component
    (instance $none)
    (export "curricle:plugin/pacing@0.1.0" (instance $none)))
