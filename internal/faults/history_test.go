package faults

import "time"

// kind is what an operation asks for.
type kind string

const (
	login    kind = "log in"
	check    kind = "check"    // a page that changes nothing
	write    kind = "write"    // a page that writes to its session
	endOne   kind = "end one"  // the session target
	endUser  kind = "end user" // every session of the user but keep
	password kind = "password" // every session of the user; this one goes on as became
	disable  kind = "disable"  // every session of the user
)

// outcome is how an operation was answered.
type outcome string

const (
	ok          outcome = "ok"
	ended       outcome = "ended"       // the session it came with has ended
	unavailable outcome = "unavailable" // 503
	refused     outcome = "refused"     // anything else that is well-formed
	unknown     outcome = "unknown"     // no answer
)

// op is one operation. The times are on the clock of the test process.
type op struct {
	kind       kind
	begin, end time.Duration
	outcome    outcome
	node       int
	session    string // that it came with; of a log-in, the new one
	user       string // whose sessions it ends or, of a log-in, whose it is
	target     string // session to end
	keep       string // session not to end
	became     string // session that session goes on as
	note       string
}

// fault is what the nemesis did, from its begin until all was well again.
type fault struct {
	name       string
	begin, end time.Duration
	struck     time.Duration // when the blow fell that may have cost data
	// When a replica took the place of the master, and the nodes that have to be
	// back in service soon after, because nothing else was done to them.
	promoted time.Duration
	serving  []int
	// Sessions whose log-in was answered from loses on may be gone afterwards, as
	// measured (beat_test.go); 0 if none may.
	loses time.Duration
	// old: old data were put back, so that more is lost than the replicas lagged.
	old bool
	// split: an old master may have been there beside the new one.
	split bool
}
