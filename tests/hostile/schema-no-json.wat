;; Has a schema that is no JSON.
;; module: pacing
(data (i32.const 40) "\00\10\00\00\01\00")
(data (i32.const 4096) "{")
