package capacity

import (
	"math"
	"slices"
	"time"
)

// What the program does, wherever it runs.
const (
	// mostHashes is how many passwords a node hashes at a time, one per two cores
	// and no more than this (user.Hasher).
	mostHashes = 4
	// gateAsks is how often a second each connection in use asks Redis how far
	// it has applied the ledger, and keptConnections is how many a node keeps.
	gateAsks        = 2
	keptConnections = 16
	mostConnections = 64 // to each Redis server
	sqlConnections  = 20
	// touchShare: the idle deadline moves once per idle/20 (session.TouchDue).
	touchShare = 20
	// expired: Redis finds what has expired by chance, and lets a tenth of all keys
	// be such (active-expire-effort in redis.conf).
	expired = 0.1
	// eventBytes is the news of an end, which Redis sends to every node.
	eventBytes = 90
	// packet is what Ethernet, IP and TCP add to a message.
	packet = 66
	// leastNodes and leastShards: with fewer nodes nothing is left when one
	// stops, and Redis Cluster has no majority with fewer masters.
	leastNodes  = 2
	leastShards = 3
)

// Need is what so many live sessions need.
type Need struct {
	Sessions float64

	Checks, Touches, Logins, Ends float64 // a second, at the peak

	NodeCores  float64 // busy ones
	Nodes      int     // with one to spare
	RedisCores float64 // busy ones, of masters
	Shards     int     // masters; 1 is no cluster
	ShardGB    float64 // memory of each, copies included
	ShardMbit  float64 // of each, both directions, replicas and news included
	NodeMbit   float64 // of each node, to Redis

	Commits      float64 // of PostgreSQL, a second
	DiskGB       float64 // of PostgreSQL, when as much is pruned as comes
	RedisClients int     // at most, of each Redis server
	SQLClients   int     // at most
	LedgerBusy   float64 // share of the time in which somebody writes to the ledger
}

// Model computes.
type Model struct {
	Figures
	Rates
	Plan
}

// touchEvery is how often a session that is used all the time is touched: with the
// first request after idle/20.
func (m Model) touchEvery() time.Duration {
	due := m.Idle / touchShare
	return max(m.Every, (due+m.Every-1)/m.Every*m.Every)
}

const day = 24 * time.Hour

// hashes returns how many passwords a node hashes at a time.
func (m Model) hashes() float64 { return float64(min(max(1, m.Cores/2), mostHashes)) }

// meanLogins returns log-ins a second over the day.
func (m Model) meanLogins(sessions float64) float64 { return sessions * m.Rates.Logins / day.Seconds() }

// flows fills in what happens a second.
func (m Model) flows(sessions float64) Need {
	logins := m.meanLogins(sessions) * m.Peak
	return Need{
		Sessions: sessions,
		Checks:   sessions / m.Every.Seconds(),
		Touches:  sessions / m.touchEvery().Seconds(),
		Logins:   logins,
		Ends:     logins * m.Ended,
	}
}

// sum adds up what n's flows cost by one measure. An end is a request with a check.
func (m Model) sum(n Need, of func(Cost) float64) float64 {
	return n.Checks*of(m.Figures.Check) + n.Touches*of(m.Touch) + n.Logins*of(m.Login) + n.Ends*(of(m.End)+of(m.Figures.Check))
}

// wire returns bytes between a node and Redis, packets included: one there and one
// back for each round trip.
func wire(c Cost) float64 { return c.Sent + c.Received + c.Trips*2*packet }

// redisBytes returns what is in the memory of all masters together.
func (m Model) redisBytes(sessions float64) float64 {
	// A tombstone stays until the deadline that its session had left: half a
	// lifetime in the middle.
	tombstones := m.meanLogins(sessions) * m.Ended * m.Lifetime.Seconds() / 2
	return (sessions*m.SessionBytes + tombstones*m.TombstoneBytes) * (1 + expired)
}

// shared returns what the masters send and receive together, in bytes a second:
// what nodes ask, and what replicas are told. Replicas themselves are told by
// networks of their own.
func (m Model) shared(n Need) float64 {
	replicated := n.Touches*m.Touch.Replicated + n.Logins*m.Login.Replicated + n.Ends*m.End.Replicated
	return m.sum(n, wire) + replicated*float64(m.Replicas)
}

// diskGB returns what PostgreSQL keeps when as much is pruned as comes: an event
// for each log-in and each end, and an entry for each end.
func (m Model) diskGB(sessions float64) float64 {
	logins := m.meanLogins(sessions)
	return (logins*m.Ended*m.LedgerBytes*m.LedgerKept.Seconds() +
		logins*(1+m.Ended)*m.AuditBytes*m.AuditKept.Seconds()) / 1e9
}

// ledgerSeconds is for how long an end keeps the next from the ledger.
func (m Model) ledgerSeconds() float64 { return m.LedgerMicros/1e6 + m.Fsync.Seconds() }

// Need returns what so many live sessions need.
func (m Model) Need(sessions float64) Need {
	n := m.flows(sessions)
	n.NodeCores = m.sum(n, func(c Cost) float64 { return c.Node }) / 1e6
	forCPU := n.NodeCores / m.Busy / float64(m.Cores)
	forHashes := n.Logins * m.Login.Node / 1e6 / m.Busy / m.hashes()
	n.Nodes = max(leastNodes, ceil(max(forCPU, forHashes))+1)

	n.RedisCores = m.sum(n, func(c Cost) float64 { return c.Redis }) / 1e6
	// Every node asks every server, however many there are.
	gate := float64(n.Nodes*keptConnections*gateAsks) * m.GateRedis / 1e6
	bytes := m.redisBytes(sessions) * m.Copies
	events := n.Ends * float64(n.Nodes) * (eventBytes + packet)
	shared := m.shared(n)
	perShard := func(shards int) float64 { // bit/s; in a cluster every server passes on all news
		return 8 * (shared/float64(shards) + events)
	}
	n.Shards = max(ceil(n.RedisCores/max(m.Busy-gate, math.SmallestNonzeroFloat64)), ceil(bytes/(m.ShardGB*1e9)),
		ceil(8*shared/max(m.Mbit*1e6*m.Busy-8*events, math.SmallestNonzeroFloat64)))
	if n.Shards > 1 {
		n.Shards = max(n.Shards, leastShards)
	}
	n.RedisCores += gate * float64(n.Shards)
	n.ShardGB = bytes / float64(n.Shards) / 1e9
	n.ShardMbit = perShard(n.Shards) / 1e6
	n.NodeMbit = 8 * (m.sum(n, wire)/float64(n.Nodes) + n.Ends*(eventBytes+packet)) / 1e6

	n.Commits = n.Logins + 2*n.Ends // an event for each, and an entry for each end
	n.DiskGB = m.diskGB(sessions)
	n.LedgerBusy = n.Ends * m.ledgerSeconds()
	n.RedisClients = n.Nodes * mostConnections
	n.SQLClients = n.Nodes * sqlConnections
	return n
}

func ceil(x float64) int {
	if math.IsInf(x, 0) || math.IsNaN(x) || x > 1e6 {
		return 1e6 // more than anybody will build
	}
	return max(1, int(math.Ceil(x-1e-9)))
}

// Resource is what can be full.
type Resource int

// The resources, in no order.
const (
	NodeCPU Resource = iota
	Hashing
	RedisCPU
	RedisMemory
	RedisNetwork
	LedgerTurns
	SQLDisk
)

// Full is how many live sessions a resource of the smallest set-up can take.
type Full struct {
	Resource Resource
	Sessions float64
}

// FullAt returns when each resource of two nodes, one Redis and one PostgreSQL is
// full, the first to be so first. One of the two nodes is for when the other stops.
// What one resource holds does not depend on the others.
func (m Model) FullAt() []Full {
	const some = 1e9 // everything grows in proportion; the figure is per session
	n := m.flows(some)
	cores := float64(m.Cores)
	gate := leastNodes * keptConnections * gateAsks * m.GateRedis / 1e6
	events := n.Ends * leastNodes * (eventBytes + packet)
	all := []Full{
		{NodeCPU, some * cores * m.Busy / (m.sum(n, func(c Cost) float64 { return c.Node }) / 1e6)},
		{Hashing, some * m.hashes() * m.Busy / (n.Logins * m.Login.Node / 1e6)},
		{RedisCPU, some * max(0, m.Busy-gate) / (m.sum(n, func(c Cost) float64 { return c.Redis }) / 1e6)},
		{RedisMemory, some * m.ShardGB * 1e9 / (m.redisBytes(some) * m.Copies)},
		{RedisNetwork, some * m.Mbit * 1e6 * m.Busy / (8 * (m.shared(n) + events))},
		{SQLDisk, some * m.DiskGB / m.diskGB(some)},
	}
	if n.Ends > 0 {
		all = append(all, Full{LedgerTurns, some * m.Busy / (n.Ends * m.ledgerSeconds())})
	}
	slices.SortFunc(all, func(a, b Full) int {
		switch {
		case a.Sessions < b.Sessions:
			return -1
		case a.Sessions > b.Sessions:
			return 1
		}
		return int(a.Resource - b.Resource)
	})
	return all
}
