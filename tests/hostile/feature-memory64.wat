;; Has a memory with addresses of 64 bits.
;; component: pacing
(core module $x (memory i64 1))
