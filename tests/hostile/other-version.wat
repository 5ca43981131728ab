;; Is built for a later version of the contract.
;; component
(component
    (instance $none)
    (export "curricle:plugin/pacing@0.2.0" (instance $none)))
