;; Traps before its first call.
;; module: pacing
(func $start (unreachable))
(start $start)
