;; Has a memory that threads share.
;; component: pacing
(core module $x (memory 1 1 shared))
