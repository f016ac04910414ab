package capacity

import (
	"errors"
	"flag"
	"time"
)

// Rates say what people do.
type Rates struct {
	Every time.Duration // each live session sends one request per this, at the peak
	// Logins is how often each live session is begun anew, per day.
	Logins float64
	// Peak is how many times the day's mean log-ins and ends are at the peak.
	Peak float64
	// Ended is which share of sessions somebody ends (logs out, is put out,
	// changes a password); the others expire, which costs nothing.
	Ended float64
	// Idle and Lifetime are the two deadlines, as configured.
	Idle, Lifetime time.Duration
}

// Plan says of what machines and with what headroom.
type Plan struct {
	Cores int // of a node
	// Busy is which share of a CPU's time is planned for: of nodes, of the one
	// core that Redis runs commands on, and of the ledger.
	Busy float64
	// ShardGB is the memory of a Redis server. Copies is by how much more than
	// its data it may need for a moment: writing its file anew, or the first copy
	// to a replica, copies every page that changes meanwhile.
	ShardGB, Copies float64
	Replicas        int     // of each Redis server
	Mbit            float64 // of a Redis server's network, of which Busy is planned for
	Fsync           time.Duration
	DiskGB          float64       // of PostgreSQL
	AuditKept       time.Duration // GATEHOUSE_AUDIT_KEPT
	LedgerKept      time.Duration // the longest lifetime of a session and a day
}

// Default is what the README computes with.
func Default() (Rates, Plan) {
	const day = 24 * time.Hour
	return Rates{Every: time.Minute, Logins: 1, Peak: 4, Ended: 0.5, Idle: time.Hour, Lifetime: 12 * time.Hour},
		Plan{Cores: 8, Busy: 0.5, ShardGB: 16, Copies: 2, Replicas: 2, Mbit: 1000, Fsync: time.Millisecond, DiskGB: 1000,
			AuditKept: 90 * day, LedgerKept: 31 * day}
}

// Flags makes flags of r and p, which begin as they are.
func Flags(set *flag.FlagSet, r *Rates, p *Plan) {
	set.DurationVar(&r.Every, "every", r.Every, "each live session sends a request per this `time` at the peak")
	set.Float64Var(&r.Logins, "logins", r.Logins, "how `often` a day each live session logs in")
	set.Float64Var(&r.Peak, "peak", r.Peak, "how many `times` the day's mean log-ins are at the peak")
	set.Float64Var(&r.Ended, "ended", r.Ended, "which `share` of sessions somebody ends; the others expire")
	set.DurationVar(&r.Idle, "idle", r.Idle, "idle `time` of sessions")
	set.DurationVar(&r.Lifetime, "lifetime", r.Lifetime, "lifetime `time` of sessions")
	set.IntVar(&p.Cores, "cores", p.Cores, "`cores` of a node")
	set.Float64Var(&p.Busy, "busy", p.Busy, "`share` of CPU time that is planned for")
	set.Float64Var(&p.ShardGB, "shard", p.ShardGB, "`GB` of memory of a Redis server")
	set.Float64Var(&p.Copies, "copies", p.Copies, "how many `times` its data a Redis server needs")
	set.IntVar(&p.Replicas, "replicas", p.Replicas, "`replicas` of each Redis server")
	set.Float64Var(&p.Mbit, "mbit", p.Mbit, "`Mbit/s` of a Redis server's network")
	set.DurationVar(&p.Fsync, "fsync", p.Fsync, "`time` that PostgreSQL's disk takes to keep a commit")
	set.Float64Var(&p.DiskGB, "disk", p.DiskGB, "`GB` of PostgreSQL's disk")
	set.DurationVar(&p.AuditKept, "audit", p.AuditKept, "how `long` the audit log is kept")
	set.DurationVar(&p.LedgerKept, "ledger", p.LedgerKept, "how `long` the ledger is kept")
}

// Valid refuses what cannot be computed with.
func Valid(r Rates, p Plan) error {
	if r.Every <= 0 || r.Logins <= 0 || r.Peak < 1 || r.Ended < 0 || r.Ended > 1 || r.Idle <= 0 || r.Lifetime <= 0 {
		return errors.New("capacity: times and rates are positive, the peak is not below the mean, and the share of ends is between 0 and 1")
	}
	if p.Cores < 1 || p.Busy <= 0 || p.Busy > 1 || p.ShardGB <= 0 || p.Copies < 1 || p.Replicas < 0 || p.Mbit <= 0 ||
		p.Fsync < 0 || p.DiskGB <= 0 || p.AuditKept <= 0 || p.LedgerKept <= 0 {
		return errors.New("capacity: machines have cores, memory, a network and a disk, and the share of CPU time is above 0 and at most 1")
	}
	return nil
}
