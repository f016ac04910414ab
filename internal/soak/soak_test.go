package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/measure"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
)

var (
	timeFlag     = flag.Duration("soak.time", 0, "how `long` the load lasts; 0 is a short round, and leaks to be found after it")
	sessionsFlag = flag.Int("soak.sessions", 0, "how `many` sessions are there from the beginning; 0 is 20,000 in the short round and 1,000,000 in others")
)

// longestSoak keeps within the idle time of the sessions that are there from the
// beginning, most of which nobody asks for.
const longestSoak = 45 * time.Minute

// TestSoak soaks. In the short round it also sees that the soak finds leaks.
func TestSoak(t *testing.T) {
	short := *timeFlag == 0
	r := roundOf(1_000_000, *timeFlag)
	if short {
		r = roundOf(20_000, 6*time.Second)
	}
	if *sessionsFlag > 0 {
		r.sessions = *sessionsFlag
	}
	if r.time > longestSoak {
		t.Fatalf("-soak.time=%v: at most %v", r.time, longestSoak)
	}
	bin, err := measure.Build(testenv.TempDir(t))
	must(t, err)
	say("filling Redis and PostgreSQL with %s sessions …", measure.Count(r.sessions))
	s := newStand(t, bin, r)
	say("soaking for %v …", r.time)
	for _, wrong := range s.soak(r.time, r.time/3) {
		t.Error(wrong)
	}
	for _, n := range s.nodes {
		if t.Failed() {
			text, _ := os.ReadFile(n.log)
			t.Logf("what %s said of trouble:\n%s", n.name, trouble(string(text)))
		}
	}
	if short && !t.Failed() {
		s.plantAndFind(t)
	}
}

// soak is load for a while, and everything looked at. It returns what was wrong.
func (s *stand) soak(length, warm time.Duration) (wrong []string) {
	before, err := s.atRest()
	if err != nil {
		return []string{err.Error()}
	}
	all, table, grows := s.load(length, warm)
	wrong = append(wrong, grows...)
	all[0].forceCrowd()         // in a brief load there may have been none
	sound, flaws := s.inspect() // while what has just ended has time left
	wrong = append(wrong, flaws...)
	wrong = append(wrong, s.backToRest(before, restWithin)...)
	say("asking for every session once more …")
	s.verify(all)
	wrong = append(wrong, s.tally.take()...)
	say("waiting for what log-ins began to expire …")
	time.Sleep(s.lifetime + time.Second)
	after, flaws := s.inspect()
	wrong = append(wrong, flaws...)
	want, unsure := s.expected()
	if n := after.Sessions; n > want+unsure || n < want {
		wrong = append(wrong, fmt.Sprintf("%d sessions are left in Redis when all that log-ins began have expired, want %d", n, want))
	}
	if after.Indexes > s.users() {
		wrong = append(wrong, fmt.Sprintf("%d indexes are left for at most %d users", after.Indexes, s.users()))
	}
	if most := len(s.tokens) + len(s.admins) - want; after.Tombstones > most {
		wrong = append(wrong, fmt.Sprintf("%d tombstones are left when all but %d have passed their deadlines", after.Tombstones, most))
	}
	if n := after.Keys - after.Sessions - after.Indexes - after.Tombstones; n > s.others() {
		wrong = append(wrong, fmt.Sprintf("%d other keys are left, at most %d have a reason", n, s.others()))
	}
	if s.tally.unavailable*mostRefused(length) > s.tally.requests {
		wrong = append(wrong, fmt.Sprintf("%d of %d answers were 503: the machine is too busy for a soak", s.tally.unavailable, s.tally.requests))
	}
	say("\nGatehouse soak: %s sessions, 2 nodes for %v, %d cores, %s, load average %s\n\n%s\n%s\nRedis at the end: %+v\nwhen all had expired: %+v",
		measure.Count(s.sessions), length, runtime.NumCPU(), runtime.Version(), measure.LoadAverage(), s.tally.table(length), table, sound, after)
	return wrong
}

// shortest is how long a load is from which everything can be told.
const shortest = time.Minute

// mostRefused returns of how many answers one may be a 503: a short round shares
// the machine with other tests.
func mostRefused(length time.Duration) int {
	if length < shortest {
		return 5
	}
	return 50
}

// load lets the workers work and looks at everything meanwhile.
func (s *stand) load(length, warm time.Duration) (all []*worker, table string, wrong []string) {
	ctx, stop := context.WithTimeout(context.Background(), length)
	defer stop()
	if s.workers == nil {
		s.workers = newWorkers(s)
	}
	var running sync.WaitGroup
	for _, w := range s.workers {
		running.Go(func() { w.run(ctx) })
	}
	sampler := &sampler{nodes: s.nodes, redis: s.redis, live: func() int { return int(s.live.Load()) }, weight: s.weight,
		first: int(s.live.Load()), began: time.Now(), short: length < shortest}
	if err := sampler.run(s.sample, ctx.Done()); err != nil {
		wrong = append(wrong, err.Error())
		stop()
	}
	running.Wait()
	table, grows := sampler.judge(warm)
	for _, err := range grows {
		wrong = append(wrong, err.Error())
	}
	return s.workers, table, wrong
}

// rest is what a node holds while nobody asks.
type rest struct{ goroutines, files int }

// What a node may hold more than before the load: the connections that its pools
// keep, 16 to Redis and 20 to PostgreSQL, and what looks after them.
const (
	restGoroutines = 12
	restFiles      = 16 + 20 + 4
)

func (s *stand) atRest() (all []rest, err error) {
	for _, n := range s.nodes {
		h, err := n.look()
		if err != nil {
			return nil, err
		}
		all = append(all, rest{h.Goroutines, h.files})
	}
	return all, nil
}

// backToRest waits for the nodes to hold no more than before.
func (s *stand) backToRest(before []rest, within time.Duration) (wrong []string) {
	s.http.CloseIdleConnections()
	for deadline := time.Now().Add(within); ; time.Sleep(100 * time.Millisecond) {
		now, err := s.atRest()
		if err != nil {
			return []string{err.Error()}
		}
		wrong = nil
		for i, n := range s.nodes {
			if more := now[i].goroutines - before[i].goroutines; more > restGoroutines {
				wrong = append(wrong, fmt.Sprintf("%s: %d goroutines more than before the load, which is over", n.name, more))
			}
			if more := now[i].files - before[i].files; more > restFiles {
				wrong = append(wrong, fmt.Sprintf("%s: %d descriptors more than before the load, which is over", n.name, more))
			}
		}
		if len(wrong) == 0 || time.Now().After(deadline) {
			return wrong
		}
	}
}

// restWithin is how long that may take.
const restWithin = 10 * time.Second

// verified returns how many sessions from the beginning are asked for at the end.
func (r round) verified() int {
	if r.time < shortest {
		return 2000
	}
	return 20_000
}

// verify asks for every session that a worker knows, and for some of the others.
func (s *stand) verify(all []*worker) {
	var running sync.WaitGroup
	for n, w := range all {
		running.Go(func() {
			w.expire()
			for _, a := range w.accounts {
				for _, v := range slices.Clone(a.live) {
					w.check(v)
				}
			}
			for _, v := range slices.Clone(w.ended) {
				w.refuse(v)
			}
			step := max(1, len(s.tokens)/s.verified())
			for i := n * step; i < len(s.tokens); i += workers * step {
				w.checkToken(i)
			}
			for i := n; i < len(s.crowds); i += workers {
				if c := s.crowds[i]; c.outside.Load() != 0 {
					for j := c.first; j < c.after; j++ {
						w.checkToken(j)
					}
				}
			}
		})
	}
	running.Wait()
}

// inspect looks at every key in Redis.
func (s *stand) inspect() (redisdb.Inspection, []string) {
	say("looking at every key …")
	got, err := s.store.Inspect(context.Background())
	if err != nil {
		return got, []string{"Redis: " + err.Error()}
	}
	var wrong []string
	for _, f := range got.Flaws {
		wrong = append(wrong, fmt.Sprintf("Redis: %s: %s", f.What, f.Key))
	}
	if more := got.Flawed - len(got.Flaws); more > 0 {
		wrong = append(wrong, fmt.Sprintf("Redis: and %d more", more))
	}
	if got.Unreadable > 0 {
		wrong = append(wrong, fmt.Sprintf("Redis: %d records cannot be read", got.Unreadable))
	}
	got.Flaws = nil
	return got, wrong
}

// plantAndFind spoils everything that a soak looks at, and wants it found.
func (s *stand) plantAndFind(t *testing.T) {
	must(t, errors.Join(s.nodes[0].plant("goroutines"), s.nodes[0].plant("files"), s.nodes[1].plant("memory")))
	before, err := s.atRest()
	must(t, err)
	all, table, found := s.load(4*time.Second, 0)
	found = append(found, s.backToRest(before, time.Second)...)
	want := []string{"node 1: goroutines", "node 1: descriptors", "node 2: live heap", "node 2: resident memory",
		"goroutines more than before", "descriptors more than before"}
	// What the workers know is turned round.
	w := all[0]
	v := &visitor{account: w.accounts[0]}
	w.logIn(w.accounts[0], false)
	if live := w.accounts[0].live; len(live) > 0 {
		v = live[len(live)-1]
	}
	v.ended = true
	w.check(v)
	want = append(want, "answered to have ended was accepted")
	w.logIn(w.accounts[1], false)
	if live := w.accounts[1].live; len(live) > 0 {
		v = live[len(live)-1]
		w.send("POST", "/api/v1/logout", v.carrier, nil)
		w.check(v)
	}
	want = append(want, "a live session was refused")
	found = append(found, s.tally.take()...)
	s.spoil(t)
	want = append(want, redisdb.FlawNoEntry, redisdb.FlawNoRecord, redisdb.FlawEternal)
	_, flaws := s.inspect()
	found = append(found, flaws...)
	for _, one := range want {
		if !strings.Contains(strings.Join(found, "\n"), one) {
			t.Errorf("planted and not found: %s", one)
		}
	}
	if t.Failed() {
		t.Logf("found:\n%s\n%s", strings.Join(found, "\n"), table)
	}
}

func redisErr(_ any, err error) error { return err }

// spoil removes an index, adds an entry to another and makes a third eternal,
// whatever the store calls them: indexes are the sorted sets.
func (s *stand) spoil(t *testing.T) {
	done := map[string]bool{}
	for cursor := "0"; ; {
		reply, err := redis.Values(s.redis.Do("SCAN", cursor))
		must(t, err)
		var keys []string
		_, err = redis.Scan(reply, &cursor, &keys)
		must(t, err)
		for _, key := range keys {
			kind, err := redis.String(s.redis.Do("TYPE", key))
			must(t, err)
			switch {
			case kind == "zset" && !done["index"]:
				must(t, redisErr(s.redis.Do("DEL", key)))
				done["index"] = true
			case kind == "zset" && !done["entry"]:
				one, err := redis.Strings(s.redis.Do("ZRANGE", key, 0, 0, "WITHSCORES"))
				must(t, err)
				nobody := []byte(one[0])
				nobody[len(nobody)-1] ^= 1
				must(t, redisErr(s.redis.Do("ZADD", key, one[1], nobody)))
				done["entry"] = true
			case kind == "zset" && !done["eternal"]:
				must(t, redisErr(s.redis.Do("PERSIST", key)))
				done["eternal"] = true
			}
		}
		if len(done) == 3 {
			return
		}
		if cursor == "0" {
			t.Fatalf("only %v could be spoiled", done)
		}
	}
}

// trouble returns the lines of a log that are not about requests.
func trouble(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "msg=request") && b.Len() < 4000 {
			b.WriteString(line)
		}
	}
	return b.String()
}

// say tells whoever waits for a long round how far it is.
func say(format string, args ...any) {
	if *timeFlag > 0 || testing.Verbose() {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}
