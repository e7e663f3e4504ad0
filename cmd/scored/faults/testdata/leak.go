package main

import "os"

// leaked holds what each run leaves behind.
var leaked []any

// leak leaves a goroutine, a descriptor and some of the heap behind.
func leak() {
	file, err := os.Open(os.DevNull)
	if err != nil {
		panic(err)
	}
	leaked = append(leaked, file, make([]byte, 256<<10))
	go func() { select {} }()
}
