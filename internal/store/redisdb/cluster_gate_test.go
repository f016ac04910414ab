package redisdb_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// clusterNode is a node on a cluster that can be broken.
type clusterNode struct {
	gated
	cluster *testenv.Cluster
}

func newClusterNode(t *testing.T, c *testenv.Cluster) *clusterNode {
	t.Helper()
	c.Flush()
	g := &clusterNode{gated: gated{t: t, db: openSQL(t)}, cluster: c}
	g.ledger = g.db.Ledger()
	g.another()
	return g
}

// another starts a (further) node on the same servers and makes it the one under
// test.
func (g *clusterNode) another() {
	g.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	g.t.Cleanup(stop)
	g.store = redisdb.Open(g.cluster.URL(), longest)
	g.t.Cleanup(func() { g.store.Close() })
	g.Manager = session.NewManager(g.store, g.ledger, gateLimits, time.Now, session.WithRefreshKey([32]byte{1}))
	must(g.t, g.store.Follow(ctx, redisdb.Gate{
		Ledger: g.ledger, Name: "this one", Lease: time.Minute, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}))
}

// of returns the master that has the session.
func (g *clusterNode) of(id session.ID) *testenv.RedisProc {
	g.t.Helper()
	r := g.cluster.Owner(redisdb.SlotOf(id))
	if r == nil {
		g.t.Fatal("nobody has the slot")
	}
	return r
}

// other returns a master that r is not.
func (g *clusterNode) other(r *testenv.RedisProc) *testenv.RedisProc {
	for _, m := range g.cluster.Masters() {
		if m != r {
			return m
		}
	}
	g.t.Fatal("there is no other master")
	return nil
}

func (g *clusterNode) ask(r *testenv.RedisProc, cmd string, args ...any) any {
	g.t.Helper()
	reply, err := g.cluster.Do(r, cmd, args...)
	must(g.t, err)
	return reply
}

// elsewhere logs somebody in whose sessions are in another shard than id, on the
// same master if that is asked for.
func (g *clusterNode) elsewhere(id session.ID, sameMaster bool) session.ID {
	g.t.Helper()
	for range 1000 {
		u := g.user()
		if shard := session.ShardOf(u.ID); shard != id.Shard() &&
			(g.cluster.Owner(redisdb.SlotOfShard(shard)) == g.of(id)) == sameMaster {
			return g.login(u)
		}
	}
	g.t.Fatal("there is no such user")
	return ""
}

func (g *clusterNode) snapshotOf(r *testenv.RedisProc) []byte {
	g.t.Helper()
	g.ask(r, "SAVE")
	b, err := os.ReadFile(filepath.Join(r.Dir(), "dump.rdb"))
	must(g.t, err)
	return b
}

func (g *clusterNode) restart(r *testenv.RedisProc, snapshot []byte) {
	g.t.Helper()
	r.Kill()
	must(g.t, os.WriteFile(filepath.Join(r.Dir(), "dump.rdb"), snapshot, 0o600))
	r.Start()
}

// A master dies, or freezes, right after it has answered ends, and its replica takes
// its place.
func TestI5_ClusterFailover(t *testing.T) {
	t.Parallel()
	for _, f := range failovers {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			inTime(t, func() time.Duration { return failOverInCluster(t, f) })
		})
	}
}

func failOverInCluster(t *testing.T, f failover) (away time.Duration) {
	t.Helper()
	g := newClusterNode(t, testenv.RedisCluster(t))
	u := g.user()
	live := g.login(u)
	old := g.of(live)
	unhurt := g.elsewhere(live, false)
	var ended []session.ID
	for range 20 {
		ended = append(ended, g.login(g.user()), g.elsewhere(live, true))
	}
	g.cluster.InStep(old) // the log-ins reach the replica; the ends may or may not
	g.end(ended...)
	replica := g.cluster.ReplicaOf(old)
	f.lose(old)
	for !testenv.IsMaster(replica.Addr()) {
		g.wantServed("on a master that is well", unhurt)
		g.wantNotEnded("during the failover", live)
		time.Sleep(5 * time.Millisecond)
	}
	promoted := time.Now()
	for {
		if _, err := g.Check(context.Background(), live); err == nil {
			break
		}
		g.wantNotEnded("after the failover", live)
		time.Sleep(5 * time.Millisecond)
	}
	away = time.Since(promoted)
	for _, id := range ended {
		g.wantEnded("ended before the failover", id)
	}
	var fresh session.ID
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, fresh = session.NewToken(u.ID)
		err := g.startAs(u, fresh)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	g.end(live)

	// The old master comes back, and for a while may believe that it still is.
	f.find(old)
	g.oldMasterIsBack(old, fresh, live, ended[0])
	return away
}

// A master crashes, comes back with an old snapshot and keeps its slots.
func TestI5_ClusterMasterWithAnOldSnapshot(t *testing.T) {
	t.Parallel()
	g := newClusterNode(t, testenv.RedisCluster(t, snapshotsOnly...))
	ended, live := g.login(g.user()), g.login(g.user())
	other := g.elsewhere(ended, false)
	r := g.of(ended)
	snapshot := g.snapshotOf(r)
	g.end(ended)
	g.restart(r, snapshot)
	g.wantEnded("ended after the snapshot", ended)
	g.wantAlive("nobody's business", live)
	_, err := g.EndAll(context.Background(), session.Why{Reason: session.Forced})
	must(t, err)
	g.cluster.Whole()
	g.restart(r, snapshot)
	g.wantEnded("ended with everyone", live)
	g.wantEnded("ended with everyone, on another master", other)
}

// All that happens while slots are open, and moved, shares one cluster.
func TestClusterSlots(t *testing.T) {
	t.Parallel()
	c := testenv.RedisCluster(t, snapshotsOnly...)
	for name, test := range map[string]func(*testing.T, *clusterNode){
		"I5_SlotOfALaggingMaster":       slotOfALaggingMaster,
		"I5_SlotOfALaggingMasterReplay": slotWithoutPosition,
		"I5_OldRecordsOnTheNextMaster":  oldRecordsOnTheNextMaster,
		"I6_ChecksWhileASlotIsOpen":     checksWhileASlotIsOpen,
		"I2_EndWhileASlotIsOpen":        endWhileASlotIsOpen,
		"I2_NoHalfAScript":              noHalfAScript,
		"I5_DatabaseOlderThanOneShard":  databaseOlderThanOneShard,
		"NodesConfirm":                  clusterNodesConfirm,
	} {
		t.Run(name, func(t *testing.T) {
			c.Whole()
			test(t, newClusterNode(t, c))
		})
	}
}

// A master has lost an end, and its slot is moved before it could be told again.
func slotOfALaggingMaster(t *testing.T, g *clusterNode) {
	id := g.login(g.user())
	slot, from := redisdb.SlotOf(id), g.of(id)
	to := g.other(from)
	tag := redisdb.TagOf(id)
	g.end(g.login(g.user())) // so that there is a position
	g.passed(from, tag)
	before := g.ask(from, "GET", "seq"+tag)
	record := g.ask(from, "DUMP", redisdb.ShardedKey(id))
	first := *g
	first.wantAlive("before", id)
	g.end(id)
	// As it was in the snapshot, with what goes with it.
	g.ask(from, "RESTORE", redisdb.ShardedKey(id), time.Hour.Milliseconds(), record)
	g.ask(from, "DEL", redisdb.TombstoneKey(id))
	g.ask(from, "SET", "seq"+tag, before)
	must(t, g.cluster.Move(slot, from, to))
	first.wantEnded("after the move", id)
	g.another()
	g.wantEnded("after the move, on a new node", id)
}

// passed waits until the shard with that tag has the position of the ledger.
func (g *clusterNode) passed(r *testenv.RedisProc, tag string) {
	g.t.Helper()
	head, err := g.ledger.Head(context.Background())
	must(g.t, err)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if seq, _ := redis.Int64(g.cluster.Do(r, "GET", "seq"+tag)); seq == head {
			return
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("the position of %s is not moved along to %d", tag, head)
		}
	}
}

// A position is lost, and all is applied again.
func slotWithoutPosition(t *testing.T, g *clusterNode) {
	id, live := g.login(g.user()), g.login(g.user())
	slot, from := redisdb.SlotOf(id), g.of(id)
	tag := redisdb.TagOf(id)
	record := g.ask(from, "DUMP", redisdb.ShardedKey(id))
	g.end(id)
	g.ask(from, "RESTORE", redisdb.ShardedKey(id), time.Hour.Milliseconds(), record)
	g.ask(from, "DEL", redisdb.TombstoneKey(id), "seq"+tag)
	must(t, g.cluster.Move(slot, from, g.other(from)))
	g.wantEnded("after the move", id)
	g.wantAlive("nobody's business", live)
}

// A master had a slot, a snapshot of that time comes back, and the slot with it.
func oldRecordsOnTheNextMaster(t *testing.T, g *clusterNode) {
	ctx := context.Background()
	u := g.user()
	id, live := g.login(u), g.login(u)
	s, err := g.Check(ctx, id)
	must(t, err)
	slot, from := redisdb.SlotOf(id), g.of(id)
	to := g.other(from)
	snapshot := g.snapshotOf(from)
	must(t, g.cluster.Move(slot, from, to))
	g.wantAlive("after the move", id)
	g.end(id)
	g.wantEnded("after its end", id)
	g.restart(from, snapshot)
	g.cluster.Whole()
	for _, open := range []func() error{
		func() error { return g.cluster.BeginMove(slot, to, from) },
		func() error { _, err := g.cluster.MoveKeys(slot, to, from, 2); return err },
		func() error { _, err := g.cluster.MoveKeys(slot, to, from, 1000); return err },
		func() error { return g.cluster.EndMove(slot, from) },
	} {
		must(t, open())
		g.wantEnded("where an old record is", id)
		g.wantAlive("moved back", live)
	}
	if err := g.Save(ctx, s, []byte("late")); err == nil {
		t.Error("an old record was written to")
	}
	if list, err := g.List(ctx, u.ID); err != nil || len(list) != 1 {
		t.Errorf("listed: %v, %v", list, err)
	}
	must(t, g.store.Scan(ctx, time.Now(), func(s session.Session) error {
		if s.ID == id {
			t.Error("an old record is listed")
		}
		return nil
	}))
	g.wantEnded("after all", id)
}

// While a slot is open its sessions are checked wherever they are, its people cannot
// log in, and nobody else notices.
func checksWhileASlotIsOpen(t *testing.T, g *clusterNode) {
	u := g.user()
	var all []session.ID
	for range 20 {
		all = append(all, g.login(u))
	}
	ended := g.login(u)
	g.end(ended)
	slot, from := redisdb.SlotOf(ended), g.of(ended)
	other := g.elsewhere(ended, true)
	to := g.other(from)
	must(t, g.cluster.BeginMove(slot, from, to))
	for {
		for _, id := range all {
			g.wantAlive("while its slot is open", id)
		}
		g.wantEnded("while its slot is open", ended)
		g.wantServed("of another slot", other)
		// Ends of others do not keep it from being checked: its position stays behind.
		g.end(g.elsewhere(ended, true))
		if n, err := g.cluster.MoveKeys(slot, from, to, 12); err != nil || n == 0 {
			must(t, err)
			break
		}
	}
	time.Sleep(1200 * time.Millisecond) // two comparisons: it has to pass them by the ledger
	g.wantAlive("after two comparisons", all[0])
	began := time.Now()
	_, id := session.NewToken(u.ID)
	if err := g.startAs(u, id); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("a log-in while the slot is open: %v, want ErrUnavailable", err)
	}
	if took := time.Since(began); took > 2*time.Second { // 300 ms are allowed, and the machine may be busy
		t.Errorf("answered after %v", took)
	}
	must(t, g.cluster.EndMove(slot, to))
	g.login(u)
	g.wantAlive("after the move", all[0])
	g.wantEnded("after the move", ended)
}

// A script that finds a part of its keys on another master has done nothing.
func noHalfAScript(t *testing.T, g *clusterNode) {
	ctx := context.Background()
	u := g.user()
	g.login(u)
	_, err := g.EndUser(ctx, u.ID, "", session.Why{Reason: session.Forced})
	must(t, err)
	id := g.login(u)
	slot, from := redisdb.SlotOf(id), g.of(id)
	g.passed(from, redisdb.TagOf(id))
	to := g.other(from)
	must(t, g.cluster.BeginMove(slot, from, to))
	host, port, _ := net.SplitHostPort(to.Addr())
	g.ask(from, "MIGRATE", host, port, redisdb.ShardedIndexKey(u.ID), 0, 5000) // and the epoch stays
	before, err := redis.Int(g.ask(from, "GET", redisdb.ShardedEpochKey(u.ID)), nil)
	must(t, err)
	if _, err := g.store.EndUser(ctx, u.ID, user.Epoch{User: 100}, "", session.Why{Reason: session.Forced}, time.Now()); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("an end while the slot is open: %v, want ErrUnavailable", err)
	}
	if after, err := redis.Int(g.ask(from, "GET", redisdb.ShardedEpochKey(u.ID)), nil); err != nil || after != before {
		t.Errorf("half of the end was carried out: the epoch is %d, %v, was %d", after, err, before)
	}
	_, err = g.cluster.MoveKeys(slot, from, to, 1000)
	must(t, err)
	must(t, g.cluster.EndMove(slot, to))
	g.wantAlive("after the move", id)
}

// A database restored from a backup has lost an end that only one shard has seen.
func databaseOlderThanOneShard(t *testing.T, g *clusterNode) {
	id := g.login(g.user())
	g.ask(g.of(id), "SET", "seq"+redisdb.TagOf(id), 1000)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	store := redisdb.Open(g.cluster.URL(), longest)
	defer store.Close()
	err := store.Follow(ctx, redisdb.Gate{Ledger: g.ledger, Name: "this one", Lease: time.Minute, Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, redisdb.ErrLedgerOlder) {
		t.Errorf("start: %v, want ErrLedgerOlder", err)
	}
	if seq, _, err := store.Position(ctx); err == nil && seq != 1000 {
		t.Errorf("the position is %d", seq)
	}
	command := redisdb.Open(g.cluster.URL(), longest)
	defer command.Close()
	if seq, _, err := command.Position(ctx); err != nil || seq != 1000 {
		t.Errorf("the position is %d, %v", seq, err)
	}
}

// An end is recorded while its slot is open, and cannot be carried out before that is
// over. Then it is, by whoever finds it in the ledger.
func endWhileASlotIsOpen(t *testing.T, g *clusterNode) {
	u := g.user()
	id := g.login(u)
	slot, from := redisdb.SlotOf(id), g.of(id)
	other := g.elsewhere(id, true)
	to := g.other(from)
	must(t, g.cluster.BeginMove(slot, from, to))
	if _, err := g.End(context.Background(), []session.ID{id}, session.Why{Reason: session.Forced}); !errors.Is(err, session.ErrUnavailable) {
		t.Fatalf("an end while the slot is open: %v, want ErrUnavailable", err)
	}
	// Once the gate knows it, nothing is said about this shard, and others are served.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := g.Check(context.Background(), id)
		if errors.Is(err, session.ErrUnavailable) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("a session whose end is recorded and not done: %v, want ErrUnavailable", err)
		}
	}
	g.wantAlive("in another slot of the same master", other)
	_, err := g.cluster.MoveKeys(slot, from, to, 1000)
	must(t, err)
	must(t, g.cluster.EndMove(slot, to))
	g.wantEnded("after the move", id)
	g.login(u)
}
