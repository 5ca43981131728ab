;; Never comes back from cleaning up after an answer.
;; module: pacing
(func (export "post configure") (param i32) (loop $l (br $l)))
