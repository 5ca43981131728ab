;; Has structs for a garbage collector.
;; component: pacing
(core module $x (type $s (struct (field i32))) (func (result (ref $s)) (struct.new_default $s)))
