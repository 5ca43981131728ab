;; Has a name that would clear a screen.
;; module: pacing
(data (i32.const 256) "a\1b[2J\0d\e2\80\ae")
