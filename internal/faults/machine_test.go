//go:build faults

package faults

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// machine notes how long somebody has had to wait for a processor (pressure stall
// information of the kernel): a store that gets none for 300 ms is away, whatever
// the program does. Where the kernel does not say, nothing is excused.
type machine struct {
	mu      sync.Mutex
	samples []stall
}

// stall is the sum, up to at, of the time in which somebody waited.
type stall struct{ at, waited time.Duration }

const machineEvery = 25 * time.Millisecond

// watch takes samples until stop is closed.
func (m *machine) watch(now func() time.Duration, stop <-chan struct{}) {
	for {
		if waited, ok := waitedForCPU(); ok {
			m.mu.Lock()
			m.samples = append(m.samples, stall{now(), waited})
			m.mu.Unlock()
		}
		select {
		case <-stop:
			return
		case <-time.After(machineEvery):
		}
	}
}

func waitedForCPU() (time.Duration, bool) {
	text, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0, false
	}
	some, _, _ := strings.Cut(string(text), "\n")
	_, total, ok := strings.Cut(some, "total=")
	n, err := strconv.ParseInt(total, 10, 64)
	return time.Duration(n) * time.Microsecond, ok && err == nil
}

// pressure returns which part of the time from from to to somebody waited.
func (m *machine) pressure(from, to time.Duration) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	first, last := -1, -1
	for i, s := range m.samples {
		if s.at <= from {
			first = i
		}
		if last < 0 && s.at >= to {
			last = i
		}
	}
	if first < 0 || last < 0 || first == last {
		return 0
	}
	a, b := m.samples[first], m.samples[last]
	return float64(b.waited-a.waited) / float64(b.at-a.at)
}
