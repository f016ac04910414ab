package redisdb_test

import (
	"context"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
)

// becomes waits until is says so of how far the node follows the ledger.
func (g *gated) becomes(what string, is func(session.Following) bool) session.Following {
	g.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		f, ok := g.store.Following()
		if !ok {
			g.t.Fatal("it follows no ledger")
		}
		if is(f) {
			return f
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("%s: %+v", what, f)
		}
	}
}

func TestFollowing(t *testing.T) {
	g := newGated(t)
	ledger := &deafLedger{Ledger: g.ledger}
	g.ledger = ledger
	const lease = time.Second
	g.node(lease)
	id := g.login(g.user())
	before := g.becomes("all is well", func(f session.Following) bool {
		return f.Known == 0 && f.Lag() == 0 && !f.Shut && time.Since(f.Answered) < lease
	})
	g.end(id)
	g.becomes("it knows of the end, and Redis has it", func(f session.Following) bool { return f.Known == 1 && f.Applied == 1 && f.Lag() == 0 })

	// An end that another node has recorded and not carried out: Redis is behind
	// until this node has told it.
	_, err := g.db.Ledger().RecordEnd(context.Background(), []session.ID{g.login(g.user())}, session.Why{Reason: session.Forced}, time.Now())
	must(t, err)
	after := g.becomes("it has told Redis", func(f session.Following) bool { return f.Known == 2 && f.Applied == 2 })
	if !after.Answered.After(before.Answered) {
		t.Errorf("the ledger answered at %v, and before at %v", after.Answered, before.Answered)
	}

	id = g.login(g.user())
	ledger.deaf.Store(true)
	g.becomes("checks are refused", func(f session.Following) bool {
		_, _ = g.Check(context.Background(), id)
		return f.Refused > after.Refused && time.Since(f.Answered) > lease
	})
	ledger.deaf.Store(false)
	g.wantAlive("when the ledger speaks again", id)

	// Trouble with Redis itself is not the gate's.
	refused := g.becomes("well again", func(f session.Following) bool { return time.Since(f.Answered) < lease }).Refused
	g.redis.Stop()
	for range 5 {
		if _, err := g.Check(context.Background(), id); err == nil {
			t.Fatal("a check without Redis")
		}
	}
	if f, _ := g.store.Following(); f.Refused != refused {
		t.Errorf("Redis is away, and the gate counts %d refusals", f.Refused-refused)
	}
	g.redis.Start()
}

// Redis of another installation shuts the gate for good.
func TestFollowingShut(t *testing.T) {
	g := newGated(t)
	g.do("SET", "ledger", "another one")
	_ = g.tryNode(time.Minute)
	g.becomes("the gate is shut", func(f session.Following) bool { return f.Shut && f.Refused > 0 })
}

func TestFollowingNothing(t *testing.T) {
	s := redisdb.Open(testenv.SharedRedis(t), longest)
	t.Cleanup(func() { s.Close() })
	if f, ok := s.Following(); ok {
		t.Errorf("%+v", f)
	}
}
