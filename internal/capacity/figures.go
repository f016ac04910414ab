package capacity

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// Figures are what was measured. CPU times are microseconds.
type Figures struct {
	Commit  string // as git describes it
	Date    string // 2026-11-21
	Machine string // its class, in words that hold in every language: "2 cores, Go 1.26.8, Redis 7.0.15"
	Load    string // load average while requests were measured
	// Sessions is how many were in Redis meanwhile.
	Sessions int

	Check Cost // a request with a session in a cookie, all around it included
	Touch Cost // moving the idle deadline, on top of the check
	Login Cost // a whole log-in, whose node time is nearly all argon2id
	End   Cost // one session, on top of the check
	// GateRedis is Redis' time for asking how far it has applied the ledger,
	// which each connection in use does twice a second.
	GateRedis float64

	SessionBytes   float64 // of Redis' memory per session, index and all, one session per user
	TombstoneBytes float64 // of Redis' memory per ended session, until its deadline

	LedgerBytes float64 // of PostgreSQL's disk per entry, indexes and all
	AuditBytes  float64 // of PostgreSQL's disk per event, indexes and all
	// LedgerMicros is for how long an end keeps the next from the ledger
	// without fsync: entries are written one after the other.
	LedgerMicros float64
}

// Cost is what one of something costs.
type Cost struct {
	Node       float64 // µs of CPU of the node
	Redis      float64 // µs of CPU of Redis
	Sent       float64 // bytes from the node to Redis
	Received   float64 // bytes from Redis to the node
	Trips      float64 // round trips
	Replicated float64 // bytes to the append-only file and to each replica
}

//go:embed figures.json
var stored []byte

// Stored returns the figures in the repository.
func Stored() (Figures, error) {
	var f Figures
	if err := json.Unmarshal(stored, &f); err != nil {
		return f, fmt.Errorf("figures.json: %w", err)
	}
	return f, f.check()
}

// check finds a figure that is missing: what it is part of would look too cheap.
func (f Figures) check() error {
	for name, v := range map[string]float64{
		"Check.Node": f.Check.Node, "Check.Redis": f.Check.Redis, "Check.Sent": f.Check.Sent, "Check.Received": f.Check.Received,
		"Touch.Node": f.Touch.Node, "Touch.Redis": f.Touch.Redis, "Touch.Sent": f.Touch.Sent, "Touch.Replicated": f.Touch.Replicated,
		"Login.Node": f.Login.Node, "Login.Redis": f.Login.Redis, "Login.Sent": f.Login.Sent, "Login.Replicated": f.Login.Replicated,
		"End.Node": f.End.Node, "End.Redis": f.End.Redis, "End.Sent": f.End.Sent, "End.Replicated": f.End.Replicated,
		"GateRedis": f.GateRedis, "SessionBytes": f.SessionBytes, "TombstoneBytes": f.TombstoneBytes,
		"LedgerBytes": f.LedgerBytes, "AuditBytes": f.AuditBytes, "LedgerMicros": f.LedgerMicros,
	} {
		if v <= 0 {
			return fmt.Errorf("figures: %s is %v", name, v)
		}
	}
	if f.Commit == "" || f.Date == "" || f.Machine == "" || f.Sessions == 0 {
		return fmt.Errorf("figures: they do not say where they are from")
	}
	return nil
}
