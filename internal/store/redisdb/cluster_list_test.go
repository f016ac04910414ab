package redisdb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
)

// wantListed has the sessions of the user of live listed: these, or that it cannot be
// known now. It reports which.
func (g *clusterNode) wantListed(when string, live ...session.ID) (told bool) {
	g.t.Helper()
	first, err := g.Check(context.Background(), live[0])
	if err == nil {
		var list []session.Session
		if list, err = g.store.ListUser(context.Background(), first.User, time.Now()); err == nil {
			ids := map[session.ID]bool{}
			for _, one := range list {
				ids[one.ID] = true
			}
			for _, id := range live {
				if !ids[id] {
					g.t.Errorf("%s: %s is not listed", when, id)
				}
			}
			if len(ids) != len(live) {
				g.t.Errorf("%s: %d sessions are listed, want %d", when, len(ids), len(live))
			}
			return true
		}
	}
	if !errors.Is(err, session.ErrUnavailable) {
		g.t.Errorf("%s: %v", when, err)
	}
	return false
}

// insistOnList is wantListed until it is told.
func (g *clusterNode) insistOnList(when string, live ...session.ID) {
	g.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !g.wantListed(when, live...); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			g.t.Fatalf("%s: there is no list any more", when)
		}
	}
}

// A record that a master had from before and that is back beside its tombstone, and
// its entry in the index with it, is in no list, short or long.
func TestI1_ClusterListLeavesOutWhatHasATombstone(t *testing.T) {
	g := newClusterNode(t, testenv.RedisCluster(t))
	u := g.user()
	id, live := g.login(u), []session.ID{g.login(u), g.login(u)}
	r := g.of(id)
	record := g.ask(r, "DUMP", redisdb.ShardedKey(id))
	g.insistOnList("before", append(live, id)...)
	g.end(id)
	g.ask(r, "RESTORE", redisdb.ShardedKey(id), time.Hour.Milliseconds(), record)
	g.ask(r, "ZADD", redisdb.ShardedIndexKey(u.ID), time.Now().Add(time.Hour).Unix(), redisdb.PackID(id))
	g.insistOnList("short", live...)
	for range 100 {
		live = append(live, g.login(u))
	}
	g.insistOnList("long", live...)
}

// While a slot is on its way its lists are right or not there, and afterwards they
// come from the new master.
func TestClusterListOfASlotThatMoves(t *testing.T) {
	g := newClusterNode(t, testenv.RedisCluster(t))
	u := g.user()
	live := []session.ID{g.login(u), g.login(u), g.login(u)}
	slot, from := redisdb.SlotOf(live[0]), g.of(live[0])
	to := g.other(from)
	g.insistOnList("before", live...)
	must(t, g.cluster.BeginMove(slot, from, to))
	g.wantListed("opened", live...)
	for range live {
		_, err := g.cluster.MoveKeys(slot, from, to, 1)
		must(t, err)
		g.wantListed("half-way", live...)
	}
	_, err := g.cluster.MoveKeys(slot, from, to, 1000)
	must(t, err)
	g.wantListed("all gone", live...)
	must(t, g.cluster.EndMove(slot, to))
	g.insistOnList("moved", live...)
	must(t, g.cluster.Move(slot, to, from)) // nobody has told us
	g.insistOnList("back", live...)
}
