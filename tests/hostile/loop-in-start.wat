;; Never comes to its first call.
;; module: pacing
(func $start (loop $l (br $l)))
(start $start)
