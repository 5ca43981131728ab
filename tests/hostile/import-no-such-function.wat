;; Asks for a function that an interface of the contract does not have.
;; component
(component
    (import "curricle:plugin/logging@0.1.0" (instance (export "shout" (func))))
    (instance $none)
    (export "curricle:plugin/pacing@0.1.0" (instance $none)))
