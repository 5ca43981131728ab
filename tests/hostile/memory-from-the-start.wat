;; Wants a gigabyte before it does anything.
;; module: pacing
(memory (export "memory") 16384)
