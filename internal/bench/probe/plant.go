package probe

import (
	"fmt"
	"os"
	"time"
)

// planted and opened keep what plant has leaked.
var (
	planted [][]byte
	opened  []*os.File
)

// plant leaks until the program ends, for tests of what should notice: 100 times
// a second a goroutine, an open file or a megabyte of memory.
func plant(what string) error {
	leak, ok := map[string]func(){
		"goroutines": func() { go func() { select {} }() },
		"files": func() {
			if f, err := os.Open(os.DevNull); err == nil {
				opened = append(opened, f)
			}
		},
		"memory": func() {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = byte(i)
			}
			planted = append(planted, b)
		},
	}[what]
	if !ok {
		return fmt.Errorf("nothing is called %q", what)
	}
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			leak()
		}
	}()
	return nil
}
