;; Switches stacks.
;; component: pacing
(core module $x (type $f (func)) (type $c (cont $f)) (func (param (ref $c)) (drop (local.get 0))))
