module distinct-go

go 1.25

require curricle v0.1.0

replace curricle => ./target/curricle/go
