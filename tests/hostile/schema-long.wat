;; Has a schema of 128 KiB.
;; module: pacing
(data (i32.const 40) "\00\00\00\00\00\00\02\00")
