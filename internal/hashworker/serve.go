package hashworker

import (
	"errors"
	"io"
	"runtime"
	"runtime/debug"

	"gatehouse/internal/user"
)

// Serve is the main program of a worker: it computes the jobs that come from in, one
// after the other, and writes the keys to out, until in ends. It is for a process
// that does nothing else, whose priority it lowers for good.
func Serve(in io.Reader, out io.Writer) error {
	lowerPriority()
	runtime.GOMAXPROCS(1)
	// What a hash leaves is collected when its key has been sent, so that nobody
	// waits for it, and before the next takes as much again.
	debug.SetGCPercent(-1)
	for {
		j, err := readJob(in)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // the server has gone, perhaps while it wrote
			return nil
		}
		if err != nil {
			return err
		}
		key := user.Argon2id(j.password, j.salt, j.params)
		clear(j.password)
		if _, err := out.Write(key); err != nil {
			return err
		}
		clear(key)
		runtime.GC()
	}
}
