//go:build faults

package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// One fault at a time, many times over, on one node inside the test: the table of
// the README. The defaults are what the ordinary tests can afford.
var (
	killsFlag     = flag.Int("faults.kills", 3, "how often Redis is killed, with an append-only file and without")
	failoversFlag = flag.Int("faults.failovers", 0, "how often the master is killed")
	endsFlag      = flag.Int("faults.ends", 5_000, "ends since the RDB that is put back")
	awayFlag      = flag.Duration("faults.away", 2*time.Second, "how long a store is away")
)

// site is one node without its HTTP: sessions, gate and ledger.
type site struct {
	t        *testing.T
	db       *sqldb.DB
	postgres *testenv.PostgresProc
	users    []user.User
	*session.Manager
}

const longestLife = 30 * 24 * time.Hour

func newSiteOn(t *testing.T, redisURL string) *site {
	t.Helper()
	s := &site{t: t, postgres: testenv.PostgresServer(t)}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	var err error
	s.db, err = sqldb.Open(ctx, s.postgres.URL())
	s.must(err)
	t.Cleanup(func() { s.db.Close() })
	_, err = s.db.Migrate(ctx)
	s.must(err)
	store := redisdb.Open(redisURL, longestLife)
	t.Cleanup(func() { store.Close() })
	limits := session.Limits{Idle: time.Hour, Lifetime: 12 * time.Hour, RememberIdle: longestLife, RememberLifetime: longestLife}
	s.Manager = session.NewManager(store, s.db.Ledger(), limits, time.Now)
	s.must(store.Follow(ctx, redisdb.Gate{
		Ledger: s.db.Ledger(), Name: "the table's", Lease: time.Minute, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}))
	for i := range 10 {
		u := user.User{ID: user.NewID(), Username: fmt.Sprint("user", i), Role: user.RoleUser, PasswordHash: "x", CreatedAt: time.Now()}
		s.must(s.db.Users().Create(ctx, u))
		u, err = s.db.Users().ByID(ctx, u.ID)
		s.must(err)
		s.users = append(s.users, u)
	}
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

var tokens atomic.Int64

// logIns begins n sessions, as long as the store lets it.
func (s *site) logIns(n int) (ids []session.ID) {
	for range n {
		id := session.IDOf(fmt.Sprint("token", tokens.Add(1)))
		if _, err := s.Start(context.Background(), id, session.New{User: s.users[len(ids)%len(s.users)]}, nil); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// back waits until the store answers a question about any session.
func (s *site) back() time.Duration {
	s.t.Helper()
	began := time.Now()
	for {
		_, err := s.Check(context.Background(), session.IDOf("nobody's"))
		if !errors.Is(err, session.ErrUnavailable) {
			return time.Since(began)
		}
		if time.Since(began) > 2*time.Minute {
			s.t.Fatalf("not back: %v", err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// alive counts the sessions that are accepted.
func (s *site) alive(ids []session.ID) (n int) {
	for _, id := range ids {
		for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			_, err := s.Check(context.Background(), id)
			if err == nil {
				n++
			}
			if !errors.Is(err, session.ErrUnavailable) {
				break
			}
			if time.Since(began) > time.Minute {
				s.t.Fatal(err)
			}
		}
	}
	return n
}

// save makes r write its RDB.
func save(r *testenv.RedisProc) {
	for testenv.Ask(r.Addr(), "SAVE") != "+OK\r\n" {
		time.Sleep(10 * time.Millisecond)
	}
}

// row is one line of the table.
type row struct {
	times, ended, revived, lived, lost int
	away                               []time.Duration
}

func (r row) print(what string) {
	slices.Sort(r.away)
	fmt.Fprintf(os.Stdout, "%s, %d times: %d ends answered before, %d of them accepted afterwards; %d live sessions, %d lost; back within %v (median %v)\n",
		what, r.times, r.ended, r.revived, r.lived+r.lost, r.lost,
		r.away[len(r.away)-1].Round(time.Millisecond), r.away[len(r.away)/2].Round(time.Millisecond))
}

// breakWhileEnding ends sessions from four sides and breaks Redis in the middle
// of that. Every end that was answered counts.
func (s *site) breakWhileEnding(r *row, rnd *rand.Rand, before func(), crash func() time.Duration) {
	live, doomed := s.logIns(5), s.logIns(20)
	if before != nil {
		before()
	}
	var mu sync.Mutex
	var answered []session.ID
	var enders sync.WaitGroup
	for side := range 4 {
		enders.Go(func() {
			for i := side; i < len(doomed); i += 4 {
				if _, err := s.End(context.Background(), doomed[i:i+1], session.Why{Reason: session.Forced}); err == nil {
					mu.Lock()
					answered = append(answered, doomed[i])
					mu.Unlock()
				}
			}
		})
	}
	time.Sleep(time.Duration(rnd.Int64N(int64(30 * time.Millisecond))))
	r.away = append(r.away, crash())
	enders.Wait()
	r.times++
	r.ended += len(answered)
	r.revived += s.alive(answered)
	lived := s.alive(live)
	r.lived += lived
	r.lost += len(live) - lived
}

func (s *site) judge(r row, what string) {
	s.t.Helper()
	r.print(what)
	if r.revived > 0 {
		s.t.Errorf("%s: %d ended sessions were accepted", what, r.revived)
	}
}

func TestRedisKilledAtRandomPoints(t *testing.T) {
	for _, c := range []struct{ what, aof string }{{"Redis killed, RDB only", "no"}, {"Redis killed, append-only file", "yes"}} {
		t.Run(c.what, func(t *testing.T) {
			redis := testenv.RedisServer(t, "--appendonly", c.aof)
			s := newSiteOn(t, redis.URL())
			rnd := rand.New(rand.NewPCG(seed(), 0))
			var r row
			for r.times < *killsFlag {
				if r.times > 0 && r.times%50 == 0 { // it takes long
					r.print("so far: " + c.what)
				}
				s.breakWhileEnding(&r, rnd, func() {
					if c.aof == "no" {
						save(redis) // everything that now ends is forgotten
					}
				}, func() time.Duration {
					redis.Kill()
					redis.Start()
					return s.back()
				})
			}
			s.judge(r, c.what)
		})
	}
}

func TestFailovers(t *testing.T) {
	if *failoversFlag == 0 {
		return // TestI5_Failover has done one of each kind
	}
	set := testenv.RedisSentinel(t, 2, 3)
	s := newSiteOn(t, set.URL())
	rnd := rand.New(rand.NewPCG(seed(), 0))
	var r row
	for range *failoversFlag {
		var old *testenv.RedisProc
		for old == nil || !set.Whole(old) {
			time.Sleep(20 * time.Millisecond)
			old = set.Master()
		}
		s.back()
		s.breakWhileEnding(&r, rnd, nil, func() time.Duration {
			old.Kill()
			set.Promoted(old)
			return s.back()
		})
		old.Start()
		if r.times%10 == 0 && r.times < *failoversFlag { // it takes long
			r.print("so far: Redis master killed, replica promoted")
		}
	}
	s.judge(r, "Redis master killed, replica promoted")
}

func TestOldRDBWithManyEndsSince(t *testing.T) {
	redis := testenv.RedisServer(t, "--appendonly", "no")
	s := newSiteOn(t, redis.URL())
	ids := s.logIns(*endsFlag)
	live := s.logIns(5)
	save(redis)
	rdb, err := os.ReadFile(filepath.Join(redis.Dir(), "dump.rdb"))
	s.must(err)
	for batch := range slices.Chunk(ids, 100) {
		_, err := s.End(context.Background(), batch, session.Why{Reason: session.Forced})
		for errors.Is(err, session.ErrUnavailable) && t.Context().Err() == nil { // a busy machine; repeating is harmless
			_, err = s.End(context.Background(), batch, session.Why{Reason: session.Forced})
		}
		s.must(err)
	}
	redis.Kill()
	s.must(os.WriteFile(filepath.Join(redis.Dir(), "dump.rdb"), rdb, 0o600))
	redis.Start()
	r := row{times: 1, ended: len(ids), away: []time.Duration{s.back()}}
	r.revived, r.lived = s.alive(ids), s.alive(live)
	r.lost = len(live) - r.lived
	s.judge(r, fmt.Sprintf("old RDB put back after %d ends", len(ids)))
	if r.away[0] > 10*time.Second {
		t.Errorf("the replay took %v, the promise is 10 s", r.away[0])
	}
}

func TestStoreAway(t *testing.T) {
	redis := testenv.RedisServer(t)
	s := newSiteOn(t, redis.URL())
	for _, c := range []struct {
		what          string
		pause, resume func()
	}{
		{"database stopped", s.postgres.Stop, s.postgres.Start},
		{"Redis paused", redis.Pause, redis.Resume},
	} {
		live, gone := s.logIns(20), s.logIns(20)
		_, err := s.End(context.Background(), gone, session.Why{Reason: session.Forced})
		s.must(err)
		c.pause()
		var alive, away, wrong, slow int
		for began := time.Now(); time.Since(began) < *awayFlag; time.Sleep(5 * time.Millisecond) {
			asked := time.Now()
			_, errLive := s.Check(context.Background(), live[rand.IntN(len(live))])
			if time.Since(asked) > 500*time.Millisecond {
				slow++
			}
			_, errGone := s.Check(context.Background(), gone[rand.IntN(len(gone))])
			switch {
			case errLive == nil:
				alive++
			case errors.Is(errLive, session.ErrUnavailable):
				away++
			default:
				wrong++
			}
			if errGone == nil {
				wrong++
			}
		}
		c.resume()
		back := s.back()
		left := s.alive(live)
		fmt.Fprintf(os.Stdout, "%s for %v: %d checks of live sessions passed, %d answered \"not now\" (%d after more than 500 ms), %d wrong; back within %v, %d of %d live sessions left, %d of %d ended accepted\n",
			c.what, *awayFlag, alive, away, slow, wrong, back.Round(time.Millisecond), left, len(live), s.alive(gone), len(gone))
		if wrong > 0 || left != len(live) || s.alive(gone) > 0 {
			t.Errorf("%s: see above", c.what)
		}
	}
}
