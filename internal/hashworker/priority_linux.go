package hashworker

import (
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

// lowerPriority lets the process run only where no other wants to (SCHED_IDLE, see
// sched(7)), or where the system does not allow that as the nicest of all. What fails
// costs others time and nothing else.
//
// Both belong to a thread, and a new thread has those of the thread that starts it.
// The Go runtime has started some already, and may be starting one at this moment:
// so it looks again until there is none that it has not seen.
func lowerPriority() {
	const (
		schedIdle = 5 // SCHED_IDLE
		nicest    = 19
	)
	var param struct{ priority int32 } // struct sched_param; 0 is the only one that SCHED_IDLE has
	done := map[int]bool{}
	for more := true; more; {
		more = false
		threads, _ := os.ReadDir("/proc/self/task")
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil || done[id] {
				continue
			}
			done[id], more = true, true
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, id, nicest)
			_, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, uintptr(id), schedIdle, uintptr(unsafe.Pointer(&param)))
		}
	}
}
