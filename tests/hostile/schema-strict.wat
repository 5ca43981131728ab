;; Has a schema that asks for `steps`, a whole number from 1 to 9, and takes nothing else.
;; module: pacing
(data (i32.const 40) "\00\10\00\00\85\00")
(data (i32.const 4096) "{\"type\":\"object\",\"properties\":{\"steps\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9}},\"required\":[\"steps\"],\"additionalProperties\":false}")
