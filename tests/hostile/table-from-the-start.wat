;; Wants a table of ten million elements before it does anything.
;; module: pacing
(table 10000000 funcref)
