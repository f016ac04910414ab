//go:build faults

package faults

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testenv"
)

// world is all that runs: the servers, the nodes, the people and what they know.
type world struct {
	t        testing.TB
	seed     uint64
	redis    *testenv.SentinelSet
	postgres *testenv.PostgresProc
	nodes    []*node
	history  *history
	http     *http.Client
	machine  machine

	mu    sync.Mutex
	users []*person
	admin *person
	// sessions that have begun: live as far as anybody knows, and not.
	live, dead []*visitor
	// from the end of a fault until all nodes were ready
	slowest      time.Duration
	slowestAfter string // the fault
}

// person is a user. Its lock is held by who changes the password or shuts the
// account, so that the next log-in knows what to expect.
type person struct {
	sync.Mutex
	name      string
	passwords []string // the likeliest first
}

// visitor is one session and the browser that holds it.
type visitor struct {
	id, token string
	person    *person
}

const nodeCount = 3

// newWorld starts everything: Redis with RDB snapshots only, and only when the
// nemesis asks for them, so that every crash forgets as much as it can.
func newWorld(t testing.TB, seed uint64, tags string, people int) *world {
	t.Helper()
	w := emptyWorld(t, seed)
	w.redis = testenv.RedisSentinel(t, 2, 3, "--appendonly", "no")
	w.postgres = testenv.PostgresServer(t)
	keepLogs(t, w.redis, func() []*node { return w.nodes })
	bin := build(t, tags)
	for range nodeCount {
		w.nodes = append(w.nodes, newNode(t, bin, w.redis, w.postgres))
	}
	w.admin = newPerson(t, bin, w.redis.URL(), w.postgres.URL(), "root", "--admin")
	for i := range people {
		w.users = append(w.users, newPerson(t, bin, w.redis.URL(), w.postgres.URL(), "user"+string(rune('a'+i))))
	}
	return w
}

// emptyWorld has clients, and nobody whom they could ask yet.
func emptyWorld(t testing.TB, seed uint64) *world {
	w := &world{
		t: t, seed: seed,
		history: &history{start: time.Now()},
		http: &http.Client{
			Timeout:       3 * time.Second,
			Transport:     &http.Transport{MaxIdleConnsPerHost: 32},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	t.Cleanup(w.http.CloseIdleConnections)
	return w
}

const (
	onePassword   = "kettle orbit maple 7"
	otherPassword = "marble lantern fox 9"
)

func newPerson(t testing.TB, bin, redisURL, databaseURL, name string, flags ...string) *person {
	t.Helper()
	cmd := exec.Command(bin, append([]string{"user", "create", name, "--password-stdin",
		"--database-url=" + databaseURL, "--redis-url=" + redisURL}, flags...)...)
	cmd.Stdin = strings.NewReader(onePassword + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("user create: %v\n%s", err, out)
	}
	return &person{name: name, passwords: []string{onePassword, otherPassword}}
}

// run lets the clients do their work and the nemesis its own, for a time.
func (w *world) run(limit time.Duration, nemesis func(context.Context, *rand.Rand)) verdict {
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	working, rest := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for i := range 14 {
		r := rand.New(rand.NewPCG(w.seed, uint64(i)+1))
		clients.Go(func() { w.client(working, r, i) })
	}
	clients.Go(func() { w.machine.watch(w.history.now, working.Done()) })
	w.waitReady() // and some sessions to lose
	for len(w.some(true)) < 10 && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	nemesis(ctx, rand.New(rand.NewPCG(w.seed, 0)))
	time.Sleep(settle + time.Second) // what has ended has to stay so afterwards too
	rest()
	clients.Wait()
	w.history.mu.Lock()
	defer w.history.mu.Unlock()
	return judge(w.history.ops, w.history.faults)
}

// waitReady waits until every node says that all is well, and returns how long
// it took.
func (w *world) waitReady() time.Duration {
	began := time.Now()
	for _, n := range w.nodes {
		for err := n.ready(); err != nil; err = n.ready() {
			if time.Since(began) > patience {
				w.t.Fatalf("not back in service after %v: %v\n%s", patience, err, last(n.errors.String(), 30))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return time.Since(began)
}

func last(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// some returns the live or the dead sessions.
func (w *world) some(live bool) []*visitor {
	w.mu.Lock()
	defer w.mu.Unlock()
	if live {
		return w.live
	}
	return w.dead
}

func (w *world) born(v *visitor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live = append(w.live[:len(w.live):len(w.live)], v)
}

// died moves a session to those that nobody expects to live; it goes on being
// tried. The oldest make room, or the latest would hardly ever be.
func (w *world) died(v *visitor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var live []*visitor
	for _, one := range w.live {
		if one != v {
			live = append(live, one)
		}
	}
	if len(live) < len(w.live) {
		w.live = live
		w.dead = append(w.dead[max(0, len(w.dead)-200):len(w.dead):len(w.dead)], v)
	}
}
