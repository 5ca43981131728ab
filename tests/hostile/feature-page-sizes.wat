;; Has a memory with pages of a byte.
;; component: pacing
(core module $x (memory 1 (pagesize 1)))
