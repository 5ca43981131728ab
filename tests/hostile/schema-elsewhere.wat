;; Has a schema that refers to another machine.
;; module: pacing
(data (i32.const 40) "\00\10\00\00\25\00")
(data (i32.const 4096) "{\"$ref\":\"https://example.com/schema\"}")
