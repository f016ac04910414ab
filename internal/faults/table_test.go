//go:build faults

package faults

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
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
// the README.
var (
	killsFlag = flag.Int("faults.kills", 3, "how often Redis is killed, with an append-only file and without")
	endsFlag  = flag.Int("faults.ends", 5_000, "ends since the RDB that is put back")
	awayFlag  = flag.Duration("faults.away", 2*time.Second, "how long a store is away")
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
	name, err := s.db.Patient().Settings().Secret(ctx, "ledger-name", 16) // as the program calls it
	s.must(err)
	s.must(store.Follow(ctx, redisdb.Gate{
		Ledger: s.db.Ledger(), Name: hex.EncodeToString(name), Lease: time.Minute, Log: slog.New(slog.NewTextHandler(siteLog(t), nil)),
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
		if id, err := s.logIn(); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func (s *site) logIn() (session.ID, error) {
	n := tokens.Add(1)
	id := session.IDOf(fmt.Sprint("token", n))
	_, err := s.Start(context.Background(), id, session.New{User: s.users[int(n)%len(s.users)]}, nil)
	return id, err
}

// sides is how many work at once where there is much to do.
const sides = 16

// abreast calls f with each number below n, from many sides.
func abreast(n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range sides {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
}

// patiently repeats what fails only because the machine is busy: every one of
// these steps is harmless to repeat.
func (s *site) patiently(do func() error) {
	err := do()
	for began := time.Now(); errors.Is(err, session.ErrUnavailable) && time.Since(began) < time.Minute; err = do() {
	}
	if err != nil {
		s.t.Error(err) // not Fatal: we are on one of many sides
	}
}

// logInAll begins exactly n sessions.
func (s *site) logInAll(n int) []session.ID {
	ids := make([]session.ID, n)
	abreast(n, func(i int) {
		s.patiently(func() (err error) {
			ids[i], err = s.logIn()
			return err
		})
	})
	return ids
}

// endAll ends them, a hundred at a time.
func (s *site) endAll(ids []session.ID) {
	batches := slices.Collect(slices.Chunk(ids, 100))
	abreast(len(batches), func(i int) {
		s.patiently(func() error {
			_, err := s.End(context.Background(), batches[i], session.Why{Reason: session.Forced})
			return err
		})
	})
}

// back waits until the store answers a question about any session.
func (s *site) back() time.Duration {
	s.t.Helper()
	return s.backTelling(func(time.Time, error) {})
}

// backTelling is back that tells why not, after each question, and when that was
// asked.
func (s *site) backTelling(tell func(asked time.Time, why error)) time.Duration {
	s.t.Helper()
	began := time.Now()
	for {
		asked := time.Now()
		_, err := s.Check(context.Background(), session.IDOf("nobody's"))
		if !errors.Is(err, session.ErrUnavailable) {
			return time.Since(began)
		}
		tell(asked, err)
		if time.Since(began) > 2*time.Minute {
			s.t.Fatalf("not back: %v", err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// alive counts the sessions that are accepted.
func (s *site) alive(ids []session.ID) int {
	var n atomic.Int64
	abreast(len(ids), func(i int) {
		s.patiently(func() error {
			_, err := s.Check(context.Background(), ids[i])
			var ended *session.EndedError
			switch {
			case err == nil:
				n.Add(1)
			case errors.As(err, &ended):
				return nil
			}
			return err
		})
	})
	return int(n.Load())
}

// save makes r write its RDB, which takes a while if it holds much.
func save(t testing.TB, r *testenv.RedisProc) {
	t.Helper()
	for began := time.Now(); ; {
		answer := testenv.AskWithin(patience, r.Addr(), "SAVE")
		if answer == "+OK\r\n" {
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("SAVE: %q", answer)
		}
	}
}

// row is one line of the table.
type row struct {
	times, ended, revived, lived, lost int
	away                               []time.Duration
}

// print says how far it is.
func (r row) print(what string) {
	fmt.Fprintf(os.Stdout, "%s: %s\n", what, r.cells())
}

// cells are those of the table (tablerows_test.go): how often, ends, live
// sessions, back in service.
func (r row) cells() string {
	slices.Sort(r.away)
	round := func(d time.Duration) time.Duration {
		if d > 10*time.Second {
			return d.Round(100 * time.Millisecond)
		}
		return d.Round(10 * time.Millisecond)
	}
	return fmt.Sprintf("%d | %d of %d | %d of %d | %v, median %v", r.times, r.revived, r.ended, r.lost, r.lived+r.lost,
		round(r.away[len(r.away)-1]), round(r.away[len(r.away)/2]))
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
	tableRow(what, r.cells())
	if r.revived > 0 {
		s.t.Errorf("%s: %d ended sessions were accepted", what, r.revived)
	}
}

func TestRedisKilledAtRandomPoints(t *testing.T) {
	for _, c := range []struct{ what, aof string }{
		{"Redis killed, RDB only", "no"},
		// Always, as the README asks for. With everysec Redis answers before it has
		// written while the disk is busy, and log-ins of up to two seconds are lost.
		{"Redis killed, append-only file", "yes"},
	} {
		t.Run(c.what, func(t *testing.T) {
			redis := testenv.RedisServer(t, "--appendonly", c.aof, "--appendfsync", "always")
			s := newSiteOn(t, redis.URL())
			rnd := rand.New(rand.NewPCG(seed(), 0))
			var r row
			for r.times < *killsFlag {
				if r.times > 0 && r.times%50 == 0 { // it takes long
					r.print("so far: " + c.what)
				}
				s.breakWhileEnding(&r, rnd, func() {
					if c.aof == "no" {
						save(t, redis) // everything that now ends is forgotten
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

// TestOldRDBWithManyEndsSince ends most of the sessions without HTTP, which would
// take longer than all the rest, and a few through a node.
func TestOldRDBWithManyEndsSince(t *testing.T) {
	redis := testenv.RedisServer(t, "--appendonly", "no")
	s := newSiteOn(t, redis.URL())
	w := emptyWorld(t, seed())
	bin := build(t, "")
	w.nodes = []*node{startNode(t, bin, redis.URL(), s.postgres.URL())}
	w.users = []*person{newPerson(t, bin, redis.URL(), s.postgres.URL(), "visitor")}
	w.waitReady()
	rnd := rand.New(rand.NewPCG(w.seed, 0))
	for len(w.some(true)) < 25 {
		w.logIn(rnd, w.users[0])
	}
	ids, live := s.logInAll(*endsFlag), s.logInAll(5)
	save(t, redis)
	rdb, err := os.ReadFile(filepath.Join(redis.Dir(), "dump.rdb"))
	s.must(err)
	began := time.Now()
	s.endAll(ids)
	for _, v := range w.some(true)[5:] {
		for w.logOut(rnd, v).outcome != ok {
		}
	}
	t.Logf("%d ends in %v", len(ids), time.Since(began).Round(time.Millisecond))
	r := row{ended: len(ids) + len(w.some(false))}
	for best := time.Hour; best > replayWithin && r.times < 3; { // a miss on a busy machine is measured again
		redis.Kill()
		s.must(os.WriteFile(filepath.Join(redis.Dir(), "dump.rdb"), rdb, 0o600))
		redis.Start()
		best = s.back()
		w.waitReady()
		r.away = append(r.away, best)
		r.times++
	}
	r.revived, r.lived = s.alive(ids), s.alive(live)
	for _, v := range w.some(false) {
		if w.seesAlive(rnd, v) {
			r.revived++
		}
	}
	for _, v := range w.some(true) {
		if w.seesAlive(rnd, v) {
			r.lived++
		}
	}
	r.lost = len(live) + len(w.some(true)) - r.lived
	s.judge(r, fmt.Sprintf("Old RDB put back, %d ends since", len(ids)))
	if r.lost > 0 {
		t.Errorf("%d live sessions are gone, and the RDB held them", r.lost)
	}
	if best := slices.Min(r.away); best > replayWithin {
		t.Errorf("the replay took %v, the promise is %v", best, replayWithin)
	}
}

// replayWithin is the promise for 100,000 ends.
const replayWithin = 10 * time.Second

// seesAlive asks until the answer is not "not now".
func (w *world) seesAlive(r *rand.Rand, v *visitor) bool {
	for {
		o, _ := w.request(r, v, op{kind: check}, http.MethodGet, "/mypage", nil)
		if o.outcome == ok || o.outcome == ended {
			return o.outcome == ok
		}
	}
}

func TestStoreAway(t *testing.T) {
	redis := testenv.RedisServer(t)
	s := newSiteOn(t, redis.URL())
	for _, c := range []struct {
		what          string
		pause, resume func()
	}{
		{"Database stopped", s.postgres.Stop, s.postgres.Start},
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
		r := row{times: 1, ended: len(gone), revived: s.alive(gone), lived: left, lost: len(live) - left, away: []time.Duration{back}}
		s.judge(r, fmt.Sprintf("%s for %v", c.what, *awayFlag))
		t.Logf("%s: meanwhile %d checks of live sessions passed, %d answered \"not now\" (%d after more than 500 ms), %d wrong",
			c.what, alive, away, slow, wrong)
		if wrong > 0 || r.lost > 0 {
			t.Errorf("%s: %d wrong answers, %d sessions lost", c.what, wrong, r.lost)
		}
	}
}
