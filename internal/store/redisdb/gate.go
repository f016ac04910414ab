package redisdb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Redis may lose what it has answered: a crash without an append-only file, a
// replica promoted before it had everything, a snapshot put back. Sessions lost
// that way cost a log-in; ends lost that way would bring sessions back (I5).
// The gate stands between this node and one server: a connection is used only
// while its server is known to have applied the ledger as far as this node
// knows it, and what is missing is applied again first, whatever the age of the
// data. The server says how far it is in "seq", and whose in "ledger": of all that
// it keeps, or in a cluster of each shard for itself (cluster.go).
type gate struct {
	*hearing
	client *client  // that stands behind the gate
	raw    []*Store // one for each shard, on the same server without a gate: for applying
	// on are the shards that are on the server, as far as this node knows.
	on func() shardSet
	// moving is asked about shards that are being moved to another server; nil where
	// that cannot be.
	moving *moving

	// since is when a shard came to the server, after started: no proof from before
	// counts.
	since atomic.Int64

	at       sync.Mutex
	seen     string   // the server behind the latest new connection
	era      int      // grows whenever seen is another one
	old      string   // what was logged of a server that is too old, since seen came
	trusted  string   // seen, if the ledger has been asked since it came
	applying *catchUp // under way, or nil
	// passed is how far of a shard that is being moved nothing is missing.
	passed map[*Store]passed
	// applied is how far the server was seen to be last; for Following.
	applied atomic.Int64
}

// passed says that no entry of the ledger from seq to upTo concerns a shard.
type passed struct{ seq, upTo int64 }

const (
	// compareEvery is how often a node asks the ledger for its newest entry,
	// and how long a connection is used without asking its server again. The
	// design allows a second.
	compareEvery = 500 * time.Millisecond
	// missingEvery is how soon a server is asked again of which only some shards
	// have proved themselves.
	missingEvery = 20 * time.Millisecond
	// headTimeout bounds the question to the ledger.
	headTimeout = 200 * time.Millisecond
	// aheadTimeout bounds it where the answer can wait for the next comparison.
	aheadTimeout = 100 * time.Millisecond
	// applyBatch is how many entries one script run applies.
	applyBatch = 200
)

// Errors of the gate; both wrap session.ErrUnavailable where a check meets them.
var (
	// ErrLedgerOlder: the server has applied more ends than the ledger has. The
	// database was restored from a backup, and ends are missing from it.
	ErrLedgerOlder = errors.New("redisdb: the database is older than Redis")
	// ErrOtherLedger: the server holds sessions of another installation.
	ErrOtherLedger = errors.New("redisdb: Redis belongs to another database")
	errLease       = errors.New("redisdb: the database has been silent for longer than the lease")
	errBehind      = errors.New("redisdb: Redis is behind the ledger")
)

// newGate returns the gate of the server that client leads to.
func newGate(h *hearing, c *client, raw []*Store, on func() shardSet) *gate {
	return &gate{hearing: h, client: c, raw: raw, on: on, passed: map[*Store]passed{}}
}

// meet notes the server behind a new connection and reports whether it is
// another one than behind the connection before.
func (g *gate) meet(server string) bool {
	g.at.Lock()
	defer g.at.Unlock()
	before := g.seen
	g.old = ""
	if before == server {
		return false
	}
	// What one that comes back was told before it was left means nothing: others
	// may have carried out ends elsewhere meanwhile.
	g.seen, g.trusted = server, ""
	g.era++
	return before != ""
}

// noteOld says in the log, once, that the server is too old. It may have taken the
// place of another at any time, and another may take its place.
func (g *gate) noteOld(err error) error {
	if g == nil || !errors.Is(err, ErrOldRedis) {
		return err
	}
	g.at.Lock()
	defer g.at.Unlock()
	if g.old != err.Error() {
		g.old = err.Error()
		g.log.Error("no session on this server can be checked", "error", g.old)
	}
	return err
}

// gain notes that a shard has come to the server, and with it data of another.
func (g *gate) gain() {
	g.at.Lock()
	defer g.at.Unlock()
	g.trusted = ""
	g.era++
	g.since.Store(int64(time.Since(started)))
}

// lasts returns how long a proof may be used that began then, after started, and
// in which the shards proved came through: not long if some are missing, and not at
// all if another shard has come to the server since.
func (g *gate) lasts(then time.Duration, proved shardSet) time.Duration {
	switch {
	case int64(then) <= g.since.Load():
		return 0
	case !proved.has(g.on()):
		return missingEvery
	}
	return compareEvery
}

// prove returns nil if the server behind c has applied what it has to, applying
// what is missing first if that can be done before ctx ends; if not it goes on
// without the caller. Which shards have come through is in c.
func (g *gate) prove(ctx context.Context, c *generationConn) error {
	least, era, err := g.least(ctx, c.server)
	if err != nil {
		return err
	}
	on := g.on()
	for try := 0; ; try++ {
		proved, behind, err := g.examine(ctx, c, on, least)
		if err != nil {
			return err
		}
		c.proved = proved
		switch {
		case proved == on:
			g.trust(c.server, era)
			return nil
		case proved != 0:
			if behind {
				g.catchingUp(ctx)
			}
			return nil // who asks about another shard is told so
		case try == 2 || !behind:
			return errBehind // c leads to another server than the one that caught up
		}
		// The run that we join may have begun before we knew of least.
		if err := g.catchUp(ctx, least); err != nil {
			return err
		}
	}
}

// examine returns the shards that have applied the ledger up to least, and whether
// there are others that can be brought there. An error if the server is not to be
// used at all.
func (g *gate) examine(ctx context.Context, c *generationConn, on shardSet, least int64) (proved shardSet, behind bool, err error) {
	all, err := g.positions(boundTo(ctx, c), on)
	if err != nil {
		return 0, false, err
	}
	for _, s := range g.raw {
		if !on.has(s.bit()) {
			continue
		}
		p, here := all[s.shard]
		if !here {
			if g.passesMoving(ctx, s, least) {
				proved |= s.bit()
			}
			continue
		}
		p = g.ours(p)
		switch {
		case p.ledger != "" && p.ledger != g.name:
			return 0, false, g.refuse(fmt.Errorf("%w (it follows ledger %.8s…, the database is %.8s…)", ErrOtherLedger, p.ledger, g.name))
		case p.ledger != "" && (p.seq >= least || g.underWay(p, c.server)):
			if err := g.notAhead(ctx, p); err != nil {
				return 0, false, err
			}
			proved |= s.bit()
		default:
			behind = true
		}
	}
	return proved, behind, nil
}

// passesMoving reports whether a shard that is being moved has applied all that
// concerns it up to least. Its position cannot be moved along meanwhile, because
// nothing can be written, so the ledger is asked what there was since. Of an end of
// a session it can be seen that it has been carried out.
func (g *gate) passesMoving(ctx context.Context, s *Store, least int64) bool {
	if g.moving == nil {
		return false
	}
	p, err := g.moving.position(ctx, s)
	if err != nil || p.ledger != g.name {
		return false
	}
	if p.seq >= least {
		return true
	}
	g.at.Lock()
	done := g.passed[s]
	g.at.Unlock()
	if done.seq != p.seq {
		done = passed{p.seq, p.seq}
	}
	for done.upTo < least {
		entries, err := g.ledger.After(ctx, done.upTo, 10*applyBatch)
		if err != nil {
			return false
		}
		if len(entries) == 0 { // what was in between has been pruned
			done.upTo = least
		}
		for _, e := range entries {
			if s.concerns(e) && e.Seq <= least && !g.moving.applied(ctx, s, e) {
				return false
			}
			done.upTo = e.Seq
		}
	}
	g.at.Lock()
	g.passed[s] = done
	g.at.Unlock()
	return true
}

// least returns how much of the ledger server must have applied. One that this
// node knows has been told of every end since it came; but what the ledger held
// when it came has to be learnt from the ledger itself, and no older answer does
// instead: whoever ended a session a moment ago may have told the server before.
func (g *gate) least(ctx context.Context, server string) (least int64, era int, err error) {
	g.at.Lock()
	era = g.era
	trusted := g.trusted == server
	g.at.Unlock()
	if trusted {
		g.mu.Lock()
		least = g.due
		g.mu.Unlock()
		_, err = g.known()
		return least, era, err
	}
	least, err = g.ask(ctx)
	return least, era, err
}

// trust notes that server has all that the ledger held when it came, in era.
func (g *gate) trust(server string, era int) {
	g.at.Lock()
	defer g.at.Unlock()
	if g.era == era && g.seen == server {
		g.trusted = server
	}
}

// watch compares ledger and servers until ctx ends. A server that lags is
// brought up to date; if that cannot be done, every connection has to prove
// itself anew.
func (h *hearing) watch(ctx context.Context, gates func() []*gate) {
	tick := time.NewTicker(compareEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h.mu.Lock()
		due := h.head
		h.mu.Unlock()
		if _, err := h.ask(ctx); err == nil { // else the lease runs
			var all sync.WaitGroup
			for _, g := range gates() {
				all.Go(func() { g.compare(ctx, due) })
			}
			all.Wait()
		}
		// Not before: shards that others are ahead of are moved along by this.
		h.mu.Lock()
		h.due = max(h.due, due)
		h.mu.Unlock()
	}
}

// compare sees to it that the server has applied the ledger up to due.
func (g *gate) compare(ctx context.Context, due int64) {
	on := g.on()
	if on == 0 {
		return
	}
	err := g.raw[0].client.do(ctx, func(b boundConn) error {
		all, err := g.positions(b, on)
		if err != nil {
			return err
		}
		server := ""
		for _, p := range all {
			if p.seq >= due {
				continue
			}
			if server == "" {
				if server, err = serverOf(b); err != nil {
					return err
				}
			}
			if !g.underWay(p, server) {
				return errBehind
			}
		}
		return nil
	})
	if err == nil || ctx.Err() != nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, compareEvery)
	defer cancel()
	if err := g.catchUp(limited, due); err != nil {
		g.client.generation.Add(1)
	}
}

// position is how far a server has applied which ledger, of all or of a shard.
type position struct {
	seq    int64
	ledger string // empty: a server that has never followed one
	ending string // the server on which an end of everyone is under way
}

// layout is behind the name of a ledger in Redis. The programs before this one
// named other keys and wrote the name alone. One of them that is still running
// finds now that Redis follows another ledger, and refuses every check: it would
// go on with sessions that end in keys it does not know.
const layout = " 2"

// ours is the position by which this program keeps its sessions. A server that
// has followed the same ledger by another layout has none of them.
func (g *gate) ours(p position) position {
	if p.ledger+layout == g.name {
		p.ledger = ""
	}
	return p
}

func positionOf(c redis.Conn, k keys) (p position, err error) {
	reply, err := redis.Values(c.Do("MGET", k.seq(), k.ledger(), k.ending()))
	if err != nil {
		return p, err
	}
	return scanPosition(reply)
}

func scanPosition(reply []any) (p position, err error) {
	var seq, name, ending []byte
	if _, err = redis.Scan(reply, &seq, &name, &ending); err != nil {
		return p, err
	}
	if len(seq) > 0 {
		p.seq, err = redis.Int64(seq, nil)
	}
	p.ledger, p.ending = string(name), string(ending)
	return p, err
}
