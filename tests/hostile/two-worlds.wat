;; Is a pacing function and a packer.
;; component
(component
    (instance $none)
    (export "curricle:plugin/pacing@0.1.0" (instance $none))
    (export "curricle:plugin/packer@0.1.0" (instance $none)))
