module chronik/compat/go

go 1.19

require github.com/twmb/franz-go v1.17.1
