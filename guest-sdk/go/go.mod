module curricle

go 1.25
