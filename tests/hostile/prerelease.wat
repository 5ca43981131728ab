;; Is built for a version of the contract that was never released.
;; component
(component
    (instance $none)
    (export "curricle:plugin/pacing@0.1.0-rc.1" (instance $none)))
