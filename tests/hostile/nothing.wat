;; Is a component of nothing.
;; component
(component
    )
