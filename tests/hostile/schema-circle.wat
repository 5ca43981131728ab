;; Has a schema that refers to itself.
;; module: pacing
(data (i32.const 40) "\00\10\00\00\0c\00")
(data (i32.const 4096) "{\"$ref\":\"#\"}")
