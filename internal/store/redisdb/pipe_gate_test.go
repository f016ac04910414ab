package redisdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/session"
)

// gatePuppet is a puppet that is what a gate asks for, and counts how often.
type gatePuppet struct {
	*puppet
	runID atomic.Value // string
	role  atomic.Value // string
	seq   atomic.Int64
	infos atomic.Int64
	gets  atomic.Int64
}

func newGatePuppet(t *testing.T) *gatePuppet {
	g := &gatePuppet{}
	g.runID.Store("one")
	g.role.Store("master")
	g.seq.Store(100)
	g.puppet = newPuppet(t, func(_ int64, cmd []string) (string, bool) {
		switch cmd[0] {
		case "INFO":
			g.infos.Add(1)
			return bulk(fmt.Sprintf("run_id:%s\r\nrole:%s\r\nmaster_replid:r\r\n", g.runID.Load(), g.role.Load())), false
		case "MGET":
			return "*3\r\n" + bulk(fmt.Sprint(g.seq.Load())) + bulk("ours") + "$-1\r\n", false
		}
		g.gets.Add(1)
		return bulk(cmd[1]), false
	})
	return g
}

// steadyLedger knows of 100 ends.
type steadyLedger struct{ session.Ledger }

func (steadyLedger) Head(context.Context) (int64, error) { return 100, nil }

func (g *gatePuppet) gated() *client {
	c := g.client()
	h := &hearing{ledger: steadyLedger{}, name: "ours", lease: time.Hour, log: slog.New(slog.DiscardHandler)}
	raw := onServer(oneServer("redis://127.0.0.1:1"), time.Hour)
	c.gate = newGate(h, c, []*Store{raw}, func() shardSet { return raw.bit() })
	return c
}

// old makes the proof of the pipe one that no longer holds.
func (c *client) old() {
	c.pipes.current.Load().prove(time.Now().Add(-2*compareEvery), everyShard)
}

func TestI5_PipeProvesItsServer(t *testing.T) {
	g := newGatePuppet(t)
	c := g.gated()
	for range 5 {
		if got, err := c.get("x"); err != nil || got != "s:x" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if n := g.infos.Load(); n != 1 {
		t.Errorf("the server was asked %d times who it is, want once", n)
	}
	c.old()
	if _, err := c.get("x"); err != nil || g.infos.Load() != 2 || g.opened.Load() != 1 {
		t.Errorf("%v; asked %d times on %d connections, want once more on the same", err, g.infos.Load(), g.opened.Load())
	}
}

// A proof that has run out is renewed once for all who come, before any of them
// is answered.
func TestI5_PipeIsProvenOnceForAll(t *testing.T) {
	g := newGatePuppet(t)
	c := g.gated()
	if _, err := c.get("x"); err != nil {
		t.Fatal(err)
	}
	c.old()
	served(t, c, 32)
	if n := g.infos.Load(); n > 4 { // some may come when it has just been renewed
		t.Errorf("the server was asked %d times who it is", n)
	}
}

// Before it runs out it is renewed beside the checks: the question that is due
// is answered although the server says nothing of itself yet.
func TestPipeIsProvenBesideTheChecks(t *testing.T) {
	g := newGatePuppet(t)
	c := g.gated()
	if _, err := c.get("x"); err != nil {
		t.Fatal(err)
	}
	p := c.pipes.current.Load()
	p.prove(time.Now().Add(-compareEvery/2-time.Millisecond), everyShard)
	before := p.provenAt.Load()
	if _, err := c.get("x"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); p.provenAt.Load() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the proof is not renewed")
		}
	}
	if n := g.opened.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// The connection stays, but what is behind it is not what it was.
func TestI5_PipeOfAServerThatIsNoLonger(t *testing.T) {
	for name, one := range map[string]struct {
		change func(*gatePuppet, *client)
		after  func(error) bool // what becomes of the check
	}{
		"a replica by now": {func(g *gatePuppet, _ *client) { g.role.Store("slave") },
			func(err error) bool { return errors.Is(err, errReplica) }},
		"behind": {func(g *gatePuppet, c *client) { c.gate.due = 200 },
			func(err error) bool { return errors.Is(err, session.ErrUnavailable) }},
		"of another database": {func(_ *gatePuppet, c *client) { c.gate.name = "another" },
			func(err error) bool { return errors.Is(err, ErrOtherLedger) }},
		"another server, up to date": {func(g *gatePuppet, _ *client) { g.runID.Store("two") },
			func(err error) bool { return err == nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGatePuppet(t)
			c := g.gated()
			if _, err := c.get("x"); err != nil {
				t.Fatal(err)
			}
			one.change(g, c)
			gets := g.gets.Load()
			c.old()
			_, err := c.get("x")
			if !one.after(err) {
				t.Errorf("got %v", err)
			}
			if err != nil && (!errors.Is(err, session.ErrUnavailable) || g.gets.Load() != gets) {
				t.Errorf("%v, and it was asked all the same: %v", err, g.gets.Load() != gets)
			}
			if g.opened.Load() < 2 {
				t.Error("the connection from before is still in use")
			}
		})
	}
}

// The gate is shut at once, whatever the pipe's proof is good for.
func TestI5_PipeBehindAShutGate(t *testing.T) {
	g := newGatePuppet(t)
	c := g.gated()
	if _, err := c.get("x"); err != nil {
		t.Fatal(err)
	}
	c.gate.mu.Lock()
	c.gate.lease, c.gate.asked = time.Second, time.Now().Add(-time.Minute)
	c.gate.mu.Unlock()
	c.gate.open.Store(int64(time.Since(started) - 59*time.Second)) // as ask would have left it
	if _, err := c.get("x"); !errors.Is(err, errLease) || !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("after the lease: %v", err)
	}
	c.gate.mu.Lock()
	c.gate.lease, c.gate.asked = time.Hour, time.Now()
	c.gate.mu.Unlock()
	if _, err := c.get("x"); err != nil {
		t.Errorf("with a lease again: %v", err)
	}
	gets := g.gets.Load()
	_ = c.gate.refuse(ErrLedgerOlder)
	if _, err := c.get("x"); !errors.Is(err, ErrLedgerOlder) {
		t.Errorf("refused: %v", err)
	}
	if g.gets.Load() != gets {
		t.Error("it was asked all the same")
	}
	if _, err := c.gate.ask(t.Context()); err != nil && !strings.Contains(err.Error(), "older") {
		t.Errorf("the ledger: %v", err)
	}
	if _, err := c.get("x"); !errors.Is(err, ErrLedgerOlder) {
		t.Errorf("refused, and the ledger has been asked since: %v", err)
	}
}
