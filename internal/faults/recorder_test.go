//go:build faults

package faults

import (
	"sync"
	"time"
)

// history records operations of many clients.
type history struct {
	start time.Time

	mu     sync.Mutex
	ops    []op
	faults []fault
}

func (h *history) now() time.Duration { return time.Since(h.start) }

func (h *history) add(o op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}

func (h *history) addFault(f fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, f)
}
