;; Has a version that is none.
;; module: pacing
(data (i32.const 272) "newer")
