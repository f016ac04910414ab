//go:build faults

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/testenv"
)

// evil is one thing that the nemesis does, to its end: when it returns, all that
// it broke is mended. It says whether it splits and whether old data come back.
//
// Whatever is done, one server is left that has the data: with all copies gone
// live sessions are lost, which no program can help. So a master that has been
// killed, and keeps nothing on disk here, comes back only after a replica has
// been promoted.
type evil struct {
	name string
	do   func(w *world, r *rand.Rand, f *fault)
}

var evils = []evil{
	{"Redis master killed", func(w *world, r *rand.Rand, f *fault) {
		f.serving = w.nodesBut(nil)
		w.loseMaster(r, f, (*testenv.RedisProc).Kill, (*testenv.RedisProc).Start)
	}},
	{"Redis master paused", func(w *world, r *rand.Rand, f *fault) {
		f.split, f.serving = true, w.nodesBut(nil) // it comes back as a master
		w.loseMaster(r, f, (*testenv.RedisProc).Pause, (*testenv.RedisProc).Resume)
	}},
	{"Redis master paused for a moment", func(w *world, r *rand.Rand, f *fault) {
		f.split = true // it may be long enough
		m := w.master()
		m.Pause()
		w.hold(r, 300*time.Millisecond, 3*time.Second)
		m.Resume()
	}},
	{"Redis and database down at once", func(w *world, r *rand.Rand, f *fault) {
		w.postgres.Pause()
		w.loseMaster(r, f, (*testenv.RedisProc).Kill, (*testenv.RedisProc).Start)
		w.postgres.Resume()
	}},
	{"old RDB put back", restoreOldRDB},
	{"Redis replica killed", func(w *world, r *rand.Rand, _ *fault) {
		one := w.replica(r)
		one.Kill()
		w.hold(r, time.Second, 3*time.Second)
		one.Start()
	}},
	{"Redis replica paused", func(w *world, r *rand.Rand, _ *fault) {
		one := w.replica(r)
		one.Pause()
		w.hold(r, time.Second, 3*time.Second)
		one.Resume()
	}},
	{"sentinel killed", func(w *world, r *rand.Rand, _ *fault) {
		one := w.redis.Sentinels[r.IntN(len(w.redis.Sentinels))]
		one.Kill()
		w.hold(r, time.Second, 3*time.Second)
		one.Start()
	}},
	{"database killed", func(w *world, r *rand.Rand, _ *fault) {
		w.postgres.Kill()
		w.hold(r, 500*time.Millisecond, 2*time.Second)
		w.postgres.Start()
	}},
	{"database paused", func(w *world, r *rand.Rand, _ *fault) {
		w.postgres.Pause()
		w.hold(r, time.Second, lease+2*time.Second)
		w.postgres.Resume()
	}},
	{"node killed", func(w *world, r *rand.Rand, _ *fault) {
		n := w.nodes[r.IntN(len(w.nodes))]
		n.kill()
		w.hold(r, 100*time.Millisecond, time.Second)
		n.start()
	}},
	{"node paused", func(w *world, r *rand.Rand, _ *fault) {
		n := w.nodes[r.IntN(len(w.nodes))]
		n.signal(syscall.SIGSTOP)
		w.hold(r, 500*time.Millisecond, 3*time.Second)
		n.signal(syscall.SIGCONT)
	}},
	{"node cut off from Redis", func(w *world, r *rand.Rand, _ *fault) {
		n := w.nodes[r.IntN(len(w.nodes))]
		n.cut(n.redis, true)
		w.hold(r, time.Second, 4*time.Second)
		n.cut(n.redis, false)
	}},
	{"node cut off from the database", func(w *world, r *rand.Rand, _ *fault) {
		n := w.nodes[r.IntN(len(w.nodes))]
		n.cut(n.sql, true)
		w.hold(r, time.Second, lease+2*time.Second)
		n.cut(n.sql, false)
	}},
	{"node cut off from both, Redis master killed", func(w *world, r *rand.Rand, f *fault) {
		n := w.nodes[r.IntN(len(w.nodes))]
		f.serving = w.nodesBut(n)
		n.cut(n.sql, true)
		n.cut(n.redis, true)
		w.loseMaster(r, f, (*testenv.RedisProc).Kill, (*testenv.RedisProc).Start)
		n.cut(n.redis, false)
		w.hold(r, time.Second, 2*time.Second)
		n.cut(n.sql, false)
	}},
}

// nemesis does evil until ctx ends. It goes through all of it in an order of its
// own before it repeats itself, and leaves a calm after each.
func (w *world) nemesis(ctx context.Context, r *rand.Rand) {
	for {
		for _, e := range w.plan(r) {
			// All of the plan comes from one number: what happened on the way
			// must not change what comes next.
			own := rand.New(rand.NewPCG(r.Uint64(), 0))
			if ctx.Err() != nil {
				return
			}
			w.afflict(own, e)
		}
	}
}

// plan returns all evils in an order of r's, or those that -faults.only names.
func (w *world) plan(r *rand.Rand) (all []evil) {
	if *onlyFlag == "" {
		for _, i := range r.Perm(len(evils)) {
			all = append(all, evils[i])
		}
		return all
	}
	for name := range strings.SplitSeq(*onlyFlag, ",") {
		all = append(all, evilNamed(w.t, strings.TrimSpace(name)))
	}
	return all
}

func evilNamed(t testing.TB, name string) evil {
	t.Helper()
	i := slices.IndexFunc(evils, func(e evil) bool { return e.name == name })
	if i < 0 {
		t.Fatalf("the nemesis does not know %q", name)
	}
	return evils[i]
}

// afflict does one evil, waits until all is well and a moment more. The fault
// lasts from the act until Redis is whole again and every node says it is ready.
func (w *world) afflict(r *rand.Rand, e evil) {
	w.settled()
	m := w.master()
	for !w.redis.InStep(m) {
		m = settled(w.t, w.redis)
	}
	pulse := newBeat(m, w.history.now)
	f := fault{name: e.name, begin: w.history.now()}
	f.struck = f.begin
	began := time.Now()
	e.do(w, r, &f)
	took := w.waitReady()
	w.settled()
	w.waitReady()
	note := ""
	if from, some := pulse.lost(w.master()); some {
		f.loses = max(from, 1)
		note = fmt.Sprintf("; lost is what was answered after %.3fs", from.Seconds())
	}
	f.end = w.history.now()
	w.history.addFault(f)
	w.t.Logf("%s %6.1fs to %5.1fs: %s; all ready %v after it was mended%s", stamp(began),
		f.begin.Seconds(), f.end.Seconds(), f.name, took.Round(time.Millisecond), note)
	if took > w.slowest {
		w.slowest, w.slowestAfter = took, f.name
	}
	time.Sleep(settle + time.Second)
}

// settled waits until Redis is one master with two replicas again and no sentinel
// wants it otherwise.
func (w *world) settled() { settled(w.t, w.redis) }

// settled returns the master as soon as it has all its replicas and no sentinel has
// wanted it otherwise for a moment: a pause may have been just long enough for a
// failover that only begins when it is over.
func settled(t testing.TB, set *testenv.SentinelSet) *testenv.RedisProc {
	t.Helper()
	quiet := time.Now()
	for began := quiet; ; time.Sleep(50 * time.Millisecond) {
		m := set.Master()
		if m == nil || !set.Whole(m) || !set.Content() {
			quiet = time.Now()
		}
		if time.Since(quiet) > 300*time.Millisecond {
			return m
		}
		if time.Since(began) > 2*patience {
			t.Fatal("the sentinels do not get Redis into order")
		}
	}
}

// hold waits for a time between two.
func (w *world) hold(r *rand.Rand, least, most time.Duration) {
	time.Sleep(least + time.Duration(r.Int64N(int64(most-least))))
}

// master returns the master; the nemesis begins only when there is one.
func (w *world) master() *testenv.RedisProc {
	for {
		if m := w.redis.Master(); m != nil {
			return m
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *world) replica(r *rand.Rand) *testenv.RedisProc {
	m, n := w.master(), r.IntN(len(w.redis.Redis)-1)
	for _, one := range w.redis.Redis {
		if one == m {
			continue
		}
		if n == 0 {
			return one
		}
		n--
	}
	return m
}

// nodesBut returns the numbers of all nodes but one.
func (w *world) nodesBut(one *node) (numbers []int) {
	for i, n := range w.nodes {
		if n != one {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// loseMaster loses the master, waits for the next and brings the old one back.
func (w *world) loseMaster(r *rand.Rand, f *fault, lose, find func(*testenv.RedisProc)) {
	old := w.master()
	w.hold(r, time.Millisecond, 100*time.Millisecond)
	f.struck = w.history.now()
	lose(old)
	w.redis.Promoted(old)
	f.promoted = w.history.now()
	w.hold(r, 100*time.Millisecond, 3*time.Second)
	find(old)
}

// restoreOldRDB takes a snapshot, lets time go by and starts all of Redis from
// it, as an operator might after an accident.
func restoreOldRDB(w *world, r *rand.Rand, f *fault) {
	f.old = true
	m := w.master()
	save(w.t, m)
	rdb, err := os.ReadFile(filepath.Join(m.Dir(), "dump.rdb"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.hold(r, time.Second, 4*time.Second)
	for _, one := range w.redis.Redis {
		one.Kill()
	}
	for _, one := range w.redis.Redis {
		if err := os.WriteFile(filepath.Join(one.Dir(), "dump.rdb"), rdb, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	// The master first: replicas that find nobody else keep what they have.
	m.Start()
	for _, one := range w.redis.Redis {
		if one != m {
			one.Start()
		}
	}
}
