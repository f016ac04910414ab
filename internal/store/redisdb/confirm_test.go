package redisdb_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
)

// ungated returns a store as a command opens it: it follows no ledger.
func (g *gated) ungated() *redisdb.Store {
	s := redisdb.Open(g.redis.URL(), longest)
	g.t.Cleanup(func() { s.Close() })
	return s
}

// ears collects what a node hears.
type ears struct {
	mu   sync.Mutex
	ids  []session.ID
	slow time.Duration
}

func (e *ears) ended(id session.ID, _ session.Reason) {
	time.Sleep(e.slow)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ids = append(e.ids, id)
}

func (e *ears) heard(id session.ID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Contains(e.ids, id)
}

// listening makes the node under test listen as a server does.
func (g *gated) listening(e *ears) {
	g.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	begun := make(chan struct{}, 100)
	store := g.store
	running.Go(func() { store.Listen(ctx, e.ended, func() { begun <- struct{}{} }) })
	g.t.Cleanup(func() { stop(); running.Wait() })
	for range 2 { // once for each channel
		select {
		case <-begun:
		case <-time.After(30 * time.Second):
			g.t.Fatal("the node does not listen")
		}
	}
}

// confirmed asks until the nodes are as many as wanted; the machine may be busy.
func (g *gated) confirmed(store session.Store, want session.Nodes) {
	g.t.Helper()
	var got session.Nodes
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if got, err = store.Confirm(context.Background()); err == nil && got == want {
			return
		}
	}
	g.t.Errorf("nodes: %+v, %v, want %+v", got, err, want)
}

func TestNodesConfirm(t *testing.T) {
	g := newGated(t)
	command := g.ungated()
	g.confirmed(command, session.Nodes{})
	one, two := &ears{}, &ears{slow: 5 * time.Millisecond}
	g.listening(one)
	g.confirmed(command, session.Nodes{Confirmed: 1, Live: 1})
	g.node(time.Minute)
	g.listening(two)
	g.confirmed(command, session.Nodes{Confirmed: 2, Live: 2})
	g.confirmed(g.store, session.Nodes{Confirmed: 2, Live: 2})

	// Who has confirmed has heard of every end until then.
	for range 20 {
		id := g.login(g.user())
		g.end(id)
		nodes, err := g.store.Confirm(context.Background())
		must(t, err)
		heard := 0
		for _, e := range []*ears{one, two} {
			if e.heard(id) {
				heard++
			}
		}
		if heard < nodes.Confirmed {
			t.Errorf("%d nodes have confirmed, %d have heard", nodes.Confirmed, heard)
		}
	}

	// Another installation on the same server, in another database, is none of
	// our nodes, although it hears the same channel.
	strange, err := redis.DialURL(g.redis.URL())
	must(t, err)
	defer strange.Close()
	news := redis.PubSubConn{Conn: strange}
	must(t, news.Subscribe("ended", "ended:another one"))
	g.confirmed(command, session.Nodes{Confirmed: 2, Live: 2})

	// A node that does not answer is counted, and waited for only a moment.
	must(t, news.Subscribe("ended:this one"+redisdb.Layout))
	g.confirmed(command, session.Nodes{Confirmed: 2, Live: 3})
}
