;; Never comes to its first call, in the start function of a part.
;; component: pacing
(core module $part (func $start (loop $l (br $l))) (start $start))
(core instance (instantiate $part))
