package redisdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// Redis may lose what it has answered: a crash without an append-only file, a
// replica promoted before it had everything, a snapshot put back. Sessions lost
// that way cost a log-in; ends lost that way would bring sessions back (I5).
// The gate stands between this node and the server: a connection is used only
// while its server is known to have applied the ledger as far as this node
// knows it, and what is missing is applied again first, whatever the age of the
// data. The server says how far it is in "seq", and whose in "ledger".
type gate struct {
	raw    *Store // the same server, without a gate: for applying
	ledger session.Ledger
	name   string        // of the ledger, with layout; a server that follows another one is refused
	lease  time.Duration // how long head may be trusted without the ledger's word
	log    *slog.Logger

	mu    sync.Mutex
	head  int64     // newest entry of the ledger that this node knows of
	asked time.Time // when the ledger last told
	// silent: it did not answer when it was asked last.
	silent bool
	// due is the newest entry that was known one comparison ago. What came after
	// is being carried out at this moment: to do it a second time would be
	// harmless, but the one who does it would find it done, and say so.
	due      int64
	seen     string   // the server behind the latest new connection
	era      int      // grows whenever seen is another one
	trusted  string   // seen, if the ledger has been asked since it came
	refused  error    // the server and the ledger do not belong together
	applying *catchUp // under way, or nil

	// open is until when known has no objection, after started.
	open atomic.Int64
}

const (
	// compareEvery is how often a node asks the ledger for its newest entry,
	// and how long a connection is used without asking its server again. The
	// design allows a second.
	compareEvery = 500 * time.Millisecond
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

// position is how far a server has applied which ledger.
type position struct {
	seq    int64
	ledger string // empty: a server that has never followed one
	ending string // the server on which an end of everyone is under way
}

func positionOf(c redis.Conn, k keys) (p position, err error) {
	reply, err := redis.Values(c.Do("MGET", k.seq(), k.ledger(), k.ending()))
	if err != nil {
		return p, err
	}
	var seq, name, ending []byte
	if _, err = redis.Scan(reply, &seq, &name, &ending); err != nil {
		return p, err
	}
	if seq != nil {
		p.seq, err = redis.Int64(seq, nil)
	}
	p.ledger, p.ending = string(name), string(ending)
	return p, err
}

// layout is behind the name of a ledger in Redis. The programs before this one
// named other keys and wrote the name alone. One of them that is still running
// finds now that Redis follows another ledger, and refuses every check: it would
// go on with sessions that end in keys it does not know.
const layout = " 2"

// positionOf is the position by which this program keeps its sessions. A server
// that has followed the same ledger by another layout has none of them.
func (g *gate) positionOf(c redis.Conn) (position, error) {
	p, err := positionOf(c, g.raw.keys)
	if p.ledger+layout == g.name {
		p.ledger = ""
	}
	return p, err
}

// follow has the server follow this ledger if it follows none.
func (g *gate) follow(c redis.Conn) (position, error) {
	p, err := positionOf(c, g.raw.keys)
	if err != nil {
		return p, err
	}
	name := redis.Args{g.raw.keys.ledger(), g.name}
	switch {
	case p.ledger == "":
		_, err = c.Do("SET", append(name, "NX")...) // another installation may be first
	case p.ledger+layout == g.name:
		_, err = c.Do("SET", name...)
	}
	if err != nil {
		return p, err
	}
	return g.positionOf(c)
}

// meet notes the server behind a new connection and reports whether it is
// another one than behind the connection before.
func (g *gate) meet(server string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.seen
	if before == server {
		return false
	}
	// What one that comes back was told before it was left means nothing: others
	// may have carried out ends elsewhere meanwhile.
	g.seen, g.trusted = server, ""
	g.era++
	return before != ""
}

// prove returns nil if the server behind c has applied what it has to, applying
// what is missing first if that can be done before ctx ends; if not it goes on
// without the caller.
func (g *gate) prove(ctx context.Context, c *generationConn) error {
	least, era, err := g.least(ctx, c.server)
	if err != nil {
		return err
	}
	p, err := g.positionOf(boundTo(ctx, c))
	for try := 0; err == nil; try++ {
		switch {
		case p.ledger != "" && p.ledger != g.name:
			return g.refuse(fmt.Errorf("%w (it follows ledger %.8s…, the database is %.8s…)", ErrOtherLedger, p.ledger, g.name))
		case p.ledger != "" && (p.seq >= least || g.underWay(p, c.server)):
			if err := g.notAhead(ctx, p); err != nil {
				return err
			}
			g.trust(c.server, era)
			return nil
		case try == 2:
			return errBehind // c leads to another server than the one that caught up
		}
		// The run that we join may have begun before we knew of least.
		if err = g.catchUp(ctx, least); err == nil {
			p, err = g.positionOf(boundTo(ctx, c))
		}
	}
	return err
}

// least returns how much of the ledger server must have applied. One that this
// node knows has been told of every end since it came; but what the ledger held
// when it came has to be learnt from the ledger itself, and no older answer does
// instead: whoever ended a session a moment ago may have told the server before.
func (g *gate) least(ctx context.Context, server string) (least int64, era int, err error) {
	g.mu.Lock()
	era, least = g.era, g.due
	trusted := g.trusted == server
	g.mu.Unlock()
	if trusted {
		_, err = g.known()
		return least, era, err
	}
	least, err = g.ask(ctx)
	return least, era, err
}

// trust notes that server has all that the ledger held when it came, in era.
func (g *gate) trust(server string, era int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.era == era && g.seen == server {
		g.trusted = server
	}
}

// notAhead refuses a server that has applied what the ledger does not know. A
// ledger that has only grown since we asked it, or does not answer now, is no
// reason. Of one that is silent the comparison every half second learns when it
// answers again; were each operation to ask, all would wait as long as it is away.
func (g *gate) notAhead(ctx context.Context, p position) error {
	head, err := g.known()
	if err != nil || p.seq <= head || g.isSilent() {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, aheadTimeout)
	defer cancel()
	head, err = g.ask(ctx)
	switch {
	case errors.Is(err, ErrLedgerOlder):
		return err
	case err == nil && p.seq > head:
		return g.refuse(fmt.Errorf("%w: Redis has applied end %d, the database knows %d", ErrLedgerOlder, p.seq, head))
	}
	return nil
}

func (g *gate) isSilent() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.silent
}

// ask asks the ledger how long it is.
func (g *gate) ask(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	g.mu.Lock()
	before := g.head
	g.mu.Unlock()
	began := time.Now() // what the answer says was true then
	head, err := g.ledger.Head(ctx)
	g.mu.Lock()
	g.silent = err != nil
	g.mu.Unlock()
	if err != nil {
		return before, err
	}
	if head < before { // it only grows, unless an older copy has taken its place
		return before, g.refuse(fmt.Errorf("%w: it knows end %d, and has known %d", ErrLedgerOlder, head, before))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if began.After(g.asked) {
		g.asked = began
	}
	if g.refused == nil {
		g.open.Store(int64(g.asked.Add(g.lease).Sub(started)))
	}
	g.head = max(g.head, head)
	return g.head, nil
}

// known returns the newest entry this node knows of, or why nothing may be
// served.
func (g *gate) known() (int64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.refused != nil:
		return 0, g.refused
	case time.Since(g.asked) > g.lease:
		return 0, errLease
	}
	return g.head, nil
}

// knows is known for those who come often: as a rule one number decides.
func (g *gate) knows(now time.Time) error {
	if int64(now.Sub(started)) < g.open.Load() {
		return nil
	}
	_, err := g.known()
	return err
}

// refuse shuts the gate until the program is started again: which of the two is
// right is the operator's to say.
func (g *gate) refuse(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refused == nil {
		g.refused = err
		g.open.Store(0)
		g.log.Error("no session can be checked until this is settled and the program restarted", "error", err.Error())
	}
	return err
}

// catchUp is one run over the missing entries, shared by all who wait for it.
type catchUp struct {
	done chan struct{}
	err  error
}

// catchUp brings the server up to at least head, or joins the run under way. If
// ctx ends first the run goes on.
func (g *gate) catchUp(ctx context.Context, head int64) error {
	g.mu.Lock()
	run := g.applying
	if run == nil {
		run = &catchUp{done: make(chan struct{})}
		g.applying = run
		go func() {
			run.err = g.apply(context.WithoutCancel(ctx))
			g.mu.Lock()
			g.applying = nil
			g.mu.Unlock()
			close(run.done)
		}()
	}
	g.mu.Unlock()
	select {
	case <-run.done:
		return run.err
	case <-ctx.Done():
		return fmt.Errorf("%w: entry %d is still to be applied", errBehind, head)
	}
}

// apply applies every entry after the server's own position.
func (g *gate) apply(ctx context.Context) error {
	begin, applied := time.Now(), 0
	for {
		var p position
		err := g.raw.client.do(ctx, func(c boundConn) (err error) {
			p, err = g.follow(c)
			return err
		})
		if err != nil {
			return err
		}
		entries, err := g.ledger.After(ctx, p.seq, 10*applyBatch)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return g.report(ctx, p.seq, applied, time.Since(begin))
		}
		n, err := g.raw.replay(ctx, p.seq, entries)
		if err != nil {
			return err
		}
		applied += n
	}
}

// report also settles a ledger whose newest entries have been pruned, all of
// them older than any session: there is nothing to apply and head is reached.
func (g *gate) report(ctx context.Context, seq int64, applied int, took time.Duration) error {
	if head, err := g.ledger.Head(ctx); err != nil {
		return err
	} else if entries, err := g.ledger.After(ctx, seq, 1); err == nil && len(entries) == 0 && head > seq {
		if err := g.raw.applied(ctx, session.Span{First: seq + 1, Last: head}); err != nil {
			return err
		}
	}
	if applied > 0 {
		g.log.Info("Redis has been told again what had ended", "entries", applied, "took", took)
	}
	return nil
}

// watch compares ledger and server until ctx ends. A server that lags is
// brought up to date; if that cannot be done, every connection has to prove
// itself anew.
func (g *gate) watch(ctx context.Context, c *client) {
	tick := time.NewTicker(compareEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g.mu.Lock()
		due := g.head
		g.due = due
		g.mu.Unlock()
		if _, err := g.ask(ctx); err != nil {
			continue // the lease runs
		}
		err := g.raw.client.do(ctx, func(b boundConn) error {
			p, err := g.positionOf(b)
			if err != nil || p.seq >= due {
				return err
			}
			if server, err := serverOf(b); err != nil || g.underWay(p, server) {
				return err
			}
			return errBehind
		})
		if err == nil || ctx.Err() != nil {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, compareEvery)
		if err := g.catchUp(limited, due); err != nil {
			c.generation.Add(1)
		}
		cancel()
	}
}
