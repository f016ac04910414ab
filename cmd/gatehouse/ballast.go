package main

import (
	"math"
	"runtime"
	"runtime/debug"
)

// ballastBytes is how much more garbage may lie about than Go would let it.
const ballastBytes = 64 << 20

// layBallast keeps the garbage collector from running all the time, until release
// is called. Go collects when as much has been allocated as is in use, and a server
// that keeps its sessions elsewhere has hardly anything in use: a list of some
// thousand sessions is enough for several collections, and each makes checks wait for
// milliseconds. The ballast counts as in use, but is never touched, so it takes no
// memory; what it costs is as much garbage. Where a limit of memory is set
// (GOMEMLIMIT) the ballast would count towards it, and is left out.
func layBallast() (release func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	ballast := make([]byte, ballastBytes)
	return func() { runtime.KeepAlive(ballast) }
}
