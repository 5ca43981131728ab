;; Has a name of 65 letters.
;; module: pacing
(data (i32.const 16) "\00\04\00\00\41") (data (i32.const 1024) "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
