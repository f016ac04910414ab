package redisdb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// heldLedger calls then between the commit of an end and what follows it.
type heldLedger struct {
	session.Ledger
	then func(session.Span)
}

func (l heldLedger) RecordEnd(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (session.Span, error) {
	span, err := l.Ledger.RecordEnd(ctx, ids, why, now)
	if err == nil {
		l.then(span)
	}
	return span, err
}

// applied waits until Redis has been told of the ledger up to seq.
func (g *gated) applied(seq int64) {
	g.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if n, _ := redis.Int64(g.do("GET", "seq"), nil); n >= seq {
			return
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("Redis has still not been told of end %d", seq)
		}
	}
}

// A node finds the renewal in the ledger before it has been carried out, and
// ends the old session for it. That is no reason to log anybody out.
func TestI5_RenewalThatTheLedgerKnowsFirst(t *testing.T) {
	g := newGated(t)
	slow := session.NewManager(g.store, heldLedger{g.ledger, func(span session.Span) { g.applied(span.Last) }}, gateLimits, time.Now)
	old, err := g.Check(context.Background(), g.login(g.user()))
	must(t, err)
	next := session.IDOf("next")
	_, err = slow.Renew(context.Background(), old, next, old.Epoch, nil)
	must(t, err)
	g.wantAlive("the renewed session", next)
	g.wantEnded("the old token", old.ID)
	g.end(old.ID)
	g.wantEnded("the renewed session, ended by its old name", next)
}

// The same, and in between somebody ends the session by the only name that it
// has at that moment.
func TestI5_EndBetweenTheTwoHalvesOfARenewal(t *testing.T) {
	for name, end := range map[string]func(*gated, session.Session){
		"one":  func(g *gated, s session.Session) { g.end(s.ID) },
		"user": func(g *gated, s session.Session) { g.endUser(s) },
		// The store learns of the end from the ledger alone.
		"ledger": func(g *gated, s session.Session) {
			span, err := g.ledger.RecordEnd(context.Background(), []session.ID{s.ID}, session.Why{Reason: session.Forced}, time.Now())
			must(g.t, err)
			g.applied(span.Last)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGated(t)
			old, err := g.Check(context.Background(), g.login(g.user()))
			must(t, err)
			slow := session.NewManager(g.store, heldLedger{g.ledger, func(span session.Span) {
				g.applied(span.Last)
				end(g, old)
			}}, gateLimits, time.Now)
			next := session.IDOf("next")
			if _, err := slow.Renew(context.Background(), old, next, old.Epoch, nil); err == nil {
				t.Error("the session was renewed after its end")
			}
			g.wantEnded("the session that would have been the next", next)
		})
	}
}

// A session in whose place another log-in came, while Redis forgot that and was
// told again: what the ledger says of it is not taken for the first half of a
// renewal that is still on its way.
func TestI5_ReplacedSessionIsNotRenewed(t *testing.T) {
	ctx := context.Background()
	g := newGated(t, snapshotsOnly...)
	old, err := g.Check(ctx, g.login(g.user()))
	must(t, err)
	snapshot := g.snapshot()
	_, err = g.End(ctx, []session.ID{old.ID}, session.Why{Reason: session.Replaced})
	must(t, err)
	g.restartFrom(snapshot)
	g.wantEnded("the replaced session", old.ID)
	next := session.IDOf("next")
	if _, err := g.Renew(ctx, old, next, old.Epoch, nil); err == nil {
		t.Error("the session was renewed after its end")
	}
	g.wantEnded("the session that would have been the next", next)
}

func (g *gated) endUser(s session.Session) {
	g.t.Helper()
	_, err := g.EndUser(context.Background(), s.User, "", session.Why{Reason: session.Forced})
	must(g.t, err)
}

// Redis loses an end while this node, which has not heard of it, cannot ask the
// ledger: the lease is for servers that it knows.
func TestI5_LedgerSilentWhileRedisForgets(t *testing.T) {
	g := newGated(t, snapshotsOnly...)
	id, live := g.login(g.user()), g.login(g.user())
	snapshot := g.snapshot()
	loud := g.ledger
	ledger := &deafLedger{Ledger: loud}
	g.ledger = ledger
	g.node(time.Minute)
	deaf := *g
	deaf.wantAlive("before", id)
	g.ledger = loud
	g.node(time.Minute)

	ledger.deaf.Store(true)
	deaf.wantAlive("known Redis, silent ledger", live)
	g.end(id)
	deaf.wantEnded("known Redis, silent ledger", id)
	g.restartFrom(snapshot)
	for began := time.Now(); time.Since(began) < time.Second; time.Sleep(10 * time.Millisecond) {
		if _, err := deaf.Check(context.Background(), id); !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("Redis is new and the ledger silent: got %v, want ErrUnavailable", err)
		}
	}
	ledger.deaf.Store(false)
	deaf.wantEnded("the ledger speaks again", id)
	deaf.wantAlive("the ledger speaks again", live)
}

// Other nodes end sessions while this one cannot ask the ledger. That Redis
// knows more than this node is nothing to worry about before the lease is over.
func TestI5_RedisKnowsMoreThanASilentLedgerTold(t *testing.T) {
	g := newGated(t)
	live := g.login(g.user())
	loud := g.ledger
	ledger := &deafLedger{Ledger: loud}
	g.ledger = ledger
	g.node(time.Minute)
	deaf := *g
	g.ledger = loud
	g.node(time.Minute)
	deaf.wantAlive("before", live)
	ledger.deaf.Store(true)
	g.end(g.login(g.user()))
	for began := time.Now(); time.Since(began) < 2*time.Second; time.Sleep(20 * time.Millisecond) {
		deaf.wantServed("the ledger is silent, the lease runs", live)
	}
}

// What is older than any session has been dropped from the ledger. A Redis that
// has lost everything catches up with the rest.
func TestI5_EmptiedServerAndPrunedLedger(t *testing.T) {
	g := newGated(t, snapshotsOnly...)
	for range 5 {
		g.end(g.login(g.user()))
	}
	id := g.login(g.user())
	snapshot := g.snapshot()
	n, err := g.db.PruneLedger(context.Background(), time.Now().Add(time.Minute))
	must(t, err)
	if n == 0 {
		t.Fatal("nothing was pruned")
	}
	g.end(id)
	head, err := g.ledger.Head(context.Background())
	must(t, err)
	g.do("FLUSHALL")
	g.applied(head)
	g.wantEnded("lost and ended", id)
	g.wantAlive("a new log-in", g.login(g.user()))
	g.restartFrom(snapshot)
	g.wantEnded("back and ended", id)
}
