package figures

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// Ends is what it costs to end many sessions, and what the checks of everybody
// else notice of it.
type Ends struct {
	What     string
	Sessions int
	OneUser  time.Duration // the slowest of some ends of a user with 100 sessions
	Everyone time.Duration
	Idle     Latency // of checks before
	Busy     Latency // of checks while everyone was put out
	// Longest is the longest that the server did nothing but one command of
	// the end of everyone; 0 where it cannot be asked.
	Longest time.Duration

	oneUserNoise, busyNoise time.Duration // what was heard meanwhile
}

// Latency is how long checks took.
type Latency struct {
	Checks                  int
	Median, Percent99, Most time.Duration
}

const (
	endedUsers = 5   // are put out one by one
	perUser    = 100 // sessions that each of them has
	// mostAtOnce is how many sessions one command to Redis may end. How long
	// it takes depends on the machine and is only printed.
	mostAtOnce = 50
)

// measureEnds ends sessions in Redis, half of them 100 to a user and half one
// to a user, and a tenth as many in the embedded database, 100 to a user. If so
// many are promised to end in time, they have to in Redis.
func measureEnds(t *testing.T, sessions int, promised bool) []Ends {
	inRedis := func(t *testing.T) Ends { return endsInRedis(t, sessions, unheard) }
	if promised {
		inRedis = func(t *testing.T) Ends { return endsAsPromised(t, sessions) }
	}
	return []Ends{inRedis(t), endsInSQLite(t, sessions/10)}
}

func endsInRedis(t *testing.T, sessions int, listen noise) Ends {
	server := testenv.RedisServer(t)
	defer server.Stop()
	db := openSQL(t, t.TempDir()+"/gatehouse.db")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	store := openRedis(ctx, t, server.URL(), db)
	fillStore(t, store, sessions/2, perUser)
	fillStore(t, store, sessions-sessions/2, 1)
	m := session.NewManager(store, db.Ledger(), measure.Limits, time.Now)
	raw := dial(t, server.URL())
	logSlower(t, raw, time.Millisecond)
	var before measure.Calls
	e := measureEnd(t, m, db.Users(), "Redis", sessions, listen, func() {
		_, err := raw.Do("SLOWLOG", "RESET")
		must(t, err)
		before = readInfo(t, raw).Calls()
	})
	if n := readInfo(t, raw).Calls().Since(before)["EVALSHA"]; n < sessions/mostAtOnce {
		t.Errorf("%d sessions ended by %d commands: others have to wait for more than %d at once", sessions, n, mostAtOnce)
	}
	e.Longest = longestCommand(t, raw)
	return e
}

// longestCommand returns the longest in the server's slow log.
func longestCommand(t *testing.T, raw redis.Conn) (most time.Duration) {
	t.Helper()
	reply, err := raw.Do("SLOWLOG", "GET", -1)
	must(t, err)
	for _, fields := range slowLog(t, reply) {
		micros, err := redis.Int64(fields[2], nil)
		must(t, err)
		most = max(most, time.Duration(micros)*time.Microsecond)
	}
	return most
}

func endsInSQLite(t *testing.T, sessions int) Ends {
	db := openSQL(t, t.TempDir()+"/gatehouse.db")
	m := session.NewManager(db.Sessions(), db.Ledger(), measure.Limits, time.Now)
	for range sessions / perUser {
		crowdOf(t, m, db.Users(), perUser)
	}
	return measureEnd(t, m, db.Users(), "SQLite", sessions, unheard, func() {})
}

// measureEnd ends some users and then everyone, and listens meanwhile; begin is
// called in between.
func measureEnd(t *testing.T, m *session.Manager, users user.Store, what string, sessions int, listen noise, begin func()) Ends {
	t.Helper()
	ctx, why := context.Background(), session.Why{Reason: session.Forced}
	e := Ends{What: what, Sessions: sessions}
	for range endedUsers {
		u := crowdOf(t, m, users, perUser)
		heard := listen()
		r, err := m.EndWhere(ctx, session.Filter{User: u.ID}, why)
		e.oneUserNoise = max(e.oneUserNoise, heard())
		must(t, err)
		if r.Ended != perUser {
			t.Errorf("%s: end of one user: %+v, want %d ended", what, r, perUser)
		}
		e.OneUser = max(e.OneUser, r.Took)
	}
	p := newProbe(t, m, users)
	stop := p.start()
	time.Sleep(min(3*time.Second, time.Duration(sessions)*20*time.Microsecond))
	e.Idle = stop()
	begin()
	stop = p.start()
	heard := listen()
	r, err := m.EndWhere(ctx, session.Filter{Everyone: true}, why)
	e.busyNoise = heard()
	e.Busy = stop()
	must(t, err)
	if e.Everyone = r.Took; r.Ended != sessions {
		t.Errorf("%s: end of everyone: %+v, want %d ended", what, r, sessions)
	}
	if left, err := m.Search(ctx, session.Filter{}, 1, 1); err != nil || left.Total != probes {
		t.Errorf("%s: %d sessions after the end of everyone, want only the %d that began after it (%v)", what, left.Total, probes, err)
	}
	return e
}

// crowdOf starts n sessions of a new user.
func crowdOf(t *testing.T, m *session.Manager, users user.Store, n int) user.User {
	t.Helper()
	u := measure.Somebody()
	u.Username, u.PasswordHash, u.CreatedAt = "u"+rand.Text()[:20], "hash", time.Now()
	must(t, users.Create(context.Background(), u))
	for range n {
		begin(t, m, u)
	}
	return u
}

func begin(t *testing.T, m *session.Manager, u user.User) session.ID {
	t.Helper()
	id := session.IDOf(rand.Text())
	must(t, measure.InsistOnStart(m, id, session.New{User: u, IP: measure.ClientIP, Device: measure.Device}))
	return id
}

// probe checks sessions, as many nodes with moderate traffic do: some at a time,
// with a pause after each.
type probe struct {
	t   *testing.T
	m   *session.Manager
	ids []session.ID
}

const (
	probes     = 4
	probePause = time.Millisecond
	refusedFor = 30 * time.Second // is too long on any machine
)

// newProbe starts sessions that outlive the end of everyone, because they say
// that they have begun after it: what is measured is the same check all the
// time.
func newProbe(t *testing.T, m *session.Manager, users user.Store) *probe {
	t.Helper()
	u := crowdOf(t, m, users, 0)
	u.Epoch.All = 1 << 20
	p := &probe{t: t, m: m}
	for range probes {
		p.ids = append(p.ids, begin(t, m, u))
	}
	return p
}

// start checks until the returned function is called, which returns how long
// checks took. One that was refused is asked again, and has taken until it was
// answered.
func (p *probe) start() (stop func() Latency) {
	var over atomic.Bool
	var mu sync.Mutex
	var all []time.Duration
	var running sync.WaitGroup
	for _, id := range p.ids {
		running.Go(func() {
			var took []time.Duration
			for !over.Load() {
				began := time.Now()
				_, err := p.m.Check(context.Background(), id)
				for errors.Is(err, session.ErrUnavailable) && time.Since(began) < refusedFor {
					time.Sleep(probePause)
					_, err = p.m.Check(context.Background(), id)
				}
				if err != nil {
					p.t.Errorf("check: %v", err)
					break
				}
				took = append(took, time.Since(began))
				time.Sleep(probePause)
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	return func() Latency {
		over.Store(true)
		running.Wait()
		slices.Sort(all)
		if len(all) == 0 {
			return Latency{}
		}
		return Latency{len(all), all[len(all)/2], all[len(all)*99/100], all[len(all)-1]}
	}
}

func endRows(all []Ends) [][]string {
	rows := [][]string{{"", "sessions", "one user of 100", "everyone", "check while idle", "check meanwhile", "longest command"}}
	for _, e := range all {
		longest := "-"
		if e.Longest > 0 {
			longest = e.Longest.Round(100 * time.Microsecond).String()
		}
		rows = append(rows, []string{e.What, measure.Count(e.Sessions), e.OneUser.Round(100 * time.Microsecond).String(),
			e.Everyone.Round(time.Millisecond).String(), e.Idle.String(), e.Busy.String(), longest})
	}
	return rows
}

// String returns median, 99 % and worst.
func (l Latency) String() string {
	return fmt.Sprintf("%v, %v, %v", l.Median.Round(10*time.Microsecond), l.Percent99.Round(10*time.Microsecond), l.Most.Round(100*time.Microsecond))
}
