;; Has a summary of 300 bytes.
;; module: pacing
(data (i32.const 32) "\00\10\00\00\2c\01")
