package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// While the ballast lies, garbage of less than its size starts no collection.
func TestBallastKeepsTheCollectorFromRunningAllTheTime(t *testing.T) {
	collections := func() uint32 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		began := m.NumGC
		for range ballastBytes / 2 / 4096 {
			garbage = make([]byte, 4096)
		}
		runtime.ReadMemStats(&m)
		return m.NumGC - began
	}
	without := collections()
	release := layBallast()
	with := collections()
	release()
	if with != 0 || without == 0 {
		t.Errorf("collections with ballast %d, want 0; without %d, want some", with, without)
	}

	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 30))
	release = layBallast()
	defer release()
	if limited := collections(); limited == 0 {
		t.Error("there is ballast although memory is limited")
	}
}

var garbage []byte
