package probe

import (
	"runtime"
	"runtime/metrics"
)

// State is what a program holds at a moment.
type State struct {
	Goroutines int
	LiveHeap   int // bytes still in use after a collection just now
	Objects    int // of them
	Stacks     int // bytes
	Runtime    int // bytes that the Go runtime has got from the system and not given back
}

// state collects garbage first: what is left is held by somebody.
func state() State {
	runtime.GC()
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/objects:objects"},
		{Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	n := func(i int) int { return int(samples[i].Value.Uint64()) }
	return State{Goroutines: n(0), LiveHeap: n(1), Objects: n(2), Stacks: n(3), Runtime: n(4) - n(5)}
}
