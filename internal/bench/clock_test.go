package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// cpuTime returns the CPU time that all threads of the process have used, those
// that have ended included, in nanoseconds: finer than the hundredths of a
// second of /proc/PID/stat.
func cpuTime(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED of the kernel; see clock_getcpuclockid(3)
	clock := uintptr(^pid)<<3 | scheduler
	var t syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock&0xffffffff, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, errno)
	}
	return time.Duration(t.Nano()), nil
}

// familyTime is the cpuTime of a server and of the processes that it has started,
// those in which passwords are hashed. Of one that has ended it knows nothing any
// more: they end when they have had nothing to do for a minute.
func familyTime(pid int) (time.Duration, error) {
	all, err := cpuTime(pid)
	if err != nil {
		return 0, err
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	for _, thread := range threads {
		text, _ := os.ReadFile(thread) // threads come and go
		for _, child := range strings.Fields(string(text)) {
			id, err := strconv.Atoi(child)
			if err != nil {
				return 0, err
			}
			its, err := cpuTime(id)
			if err == nil { // otherwise it has just ended
				all += its
			}
		}
	}
	return all, nil
}
