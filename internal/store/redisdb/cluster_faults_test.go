package redisdb_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// People log in, are checked and log out all the time, on two nodes, while a master
// is killed, its replica promoted, and the old one comes back. What was answered as
// ended stays so, and who was in before is in after.
func TestI5_ClusterWritersThroughAFailover(t *testing.T) {
	t.Parallel()
	g := newClusterNode(t, testenv.RedisCluster(t))
	one := *g
	g.another()
	nodes := []*clusterNode{&one, g}
	var users []user.User
	var kept []session.ID
	for range 8 {
		u := g.user()
		users, kept = append(users, u), append(kept, g.login(u))
	}
	masters := g.cluster.Masters()
	for _, r := range masters {
		g.cluster.InStep(r)
	}
	stop := make(chan struct{})
	var mu sync.Mutex
	var ended []session.ID
	var writers sync.WaitGroup
	for i, u := range users {
		writers.Go(func() {
			here, there := nodes[i%2], nodes[(i+1)%2]
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, id := session.NewToken(u.ID)
				if here.startAs(u, id) != nil {
					continue
				}
				_, _ = there.Check(context.Background(), id)
				if _, err := there.End(context.Background(), []session.ID{id}, session.Why{Reason: session.Logout}); err != nil {
					continue
				}
				if _, err := here.Check(context.Background(), id); err == nil {
					t.Error("a session that has been answered as ended is accepted")
				}
				mu.Lock()
				ended = append(ended, id)
				mu.Unlock()
			}
		})
	}
	done := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(ended)
	}
	much := func(when string) {
		t.Helper()
		before := done()
		for deadline := time.Now().Add(30 * time.Second); done() < before+100; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s the failover hardly anything is ended", when)
			}
		}
	}
	halt := sync.OnceFunc(func() { close(stop); writers.Wait() })
	t.Cleanup(halt)
	much("before")
	replica := g.cluster.ReplicaOf(masters[0])
	masters[0].Kill()
	g.cluster.Promoted(replica)
	promoted := time.Now()
	for _, id := range kept {
		for {
			_, err := g.Check(context.Background(), id)
			if err == nil {
				break
			}
			if !errors.Is(err, session.ErrUnavailable) || time.Since(promoted) > 20*time.Second {
				t.Fatalf("who was in before the failover: %v", err)
			}
		}
	}
	t.Logf("everybody is in again %v after the promotion", time.Since(promoted).Round(time.Millisecond))
	masters[0].Start()
	g.cluster.Whole()
	much("after")
	halt()
	t.Logf("%d sessions were ended meanwhile", len(ended))
	for _, id := range ended {
		g.wantEnded("answered as ended", id)
	}
	for _, id := range kept {
		g.wantAlive("in before", id)
	}
}

// An end by a filter reads the sessions of all masters, and misses none that is moved
// from one to another meanwhile, nor those of a master that dies: then it says so,
// and can be repeated.
func TestClusterEndWhere(t *testing.T) {
	t.Parallel()
	g := newClusterNode(t, testenv.RedisCluster(t))
	fill := func() (hit, spared []session.ID) {
		for range 60 {
			u := g.user()
			for _, ip := range []string{"192.0.2.7", "198.51.100.7"} {
				u, err := g.db.Users().ByID(context.Background(), u.ID)
				must(t, err)
				var id session.ID
				for { // its slot may be open
					_, id = session.NewToken(u.ID)
					_, err = g.Start(context.Background(), id, session.New{User: u, IP: netip.MustParseAddr(ip)}, nil)
					if !errors.Is(err, session.ErrUnavailable) {
						break
					}
				}
				must(t, err)
				if ip == "192.0.2.7" {
					hit = append(hit, id)
				} else {
					spared = append(spared, id)
				}
			}
		}
		return hit, spared
	}
	end := func(what string) {
		t.Helper()
		f := session.Filter{IP: netip.MustParsePrefix("192.0.2.0/24")}
		for deadline := time.Now().Add(30 * time.Second); ; {
			r, err := g.EndWhere(context.Background(), f, session.Why{Reason: session.Forced})
			t.Logf("%s: %d ended in %v, %v", what, r.Ended, r.Took.Round(time.Millisecond), err)
			if err == nil {
				return
			}
			if !errors.Is(err, session.ErrUnavailable) || time.Now().After(deadline) {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	look := func(hit, spared []session.ID) {
		t.Helper()
		for _, id := range hit {
			g.wantEnded("selected", id)
		}
		for _, id := range spared {
			g.wantAlive("not selected", id)
		}
	}
	m := keepMoving(t, g.cluster)
	hit, spared := fill()
	end("while slots move")
	m.halt()
	look(hit, spared)

	hit, more := fill()
	for _, r := range g.cluster.Masters() {
		g.cluster.InStep(r)
	}
	old := g.cluster.Masters()[0]
	replica := g.cluster.ReplicaOf(old)
	old.Kill()
	end("while a master is dead")
	g.cluster.Promoted(replica)
	look(hit, append(spared, more...))
}
