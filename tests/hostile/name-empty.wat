;; Has no name.
;; module: pacing
(data (i32.const 20) "\00")
