package sqldb

import (
	"syscall"
	"time"
)

// nap sleeps by the system's clock: Go's timers, in a process that has little
// else to do, sleep for a millisecond at least.
func nap(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // interrupted: then it was shorter
}
