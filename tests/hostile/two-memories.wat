;; Takes half of the memory that it may have, in each of two memories.
;; component: pacing
(core module $half (memory 300))
(core instance (instantiate $half))
(core instance (instantiate $half))
