;; Asks for a function of the contract with another signature.
;; component
(component
    (import "curricle:plugin/logging@0.1.0" (instance (export "log" (func (param "message" u32)))))
    (instance $none)
    (export "curricle:plugin/pacing@0.1.0" (instance $none)))
